"""Composes the apps' addresses; nothing else."""

from django.contrib import admin
from django.urls import include, path

api_urlpatterns = [
    path("", include("retargeting.interactions.api")),
    path("", include("retargeting.profiles.api")),
    path("", include("retargeting.orchestrations.api")),
    path("", include("retargeting.channels.api")),
    path("", include("retargeting.audiences.api")),
    path("", include("campaigns.api")),
    path("", include("automations.api")),
]

urlpatterns = [
    path("api/v1/", include(api_urlpatterns)),
    path("api/", include("retargeting.api.urls")),
    path("", include("retargeting.web.urls")),
    path("", include("retargeting.accounts.urls")),
    path("", include("retargeting.profiles.urls")),
    path("", include("retargeting.orchestrations.urls")),
    path("", include("retargeting.interactions.urls")),
    path("", include("retargeting.audiences.urls")),
    path("", include("retargeting.channels.urls")),
    path("", include("automations.urls")),
    path("", include("campaigns.urls")),
    path("admin/", admin.site.urls),
    path("", include("retargeting.messaging.urls")),
]
