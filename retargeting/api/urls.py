"""Comes last below /api/: it answers every address that the apps do not."""

from django.urls import path, re_path

from retargeting.api import views

urlpatterns = [
    path("v1/schema/", views.SchemaView.as_view(), name="api-schema"),
    path("docs/", views.docs, name="api-docs"),
    re_path("", views.UnknownAddressView.as_view(), name="api-unknown"),
]
