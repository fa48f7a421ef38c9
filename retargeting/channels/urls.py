from django.urls import include, path

from retargeting.channels import views, webhooks

urlpatterns = [
    path("hooks/<str:channel>/<str:provider>/", webhooks.receive, name="hook"),
    path("hooks/<str:channel>/<str:provider>/<str:token>/", webhooks.receive, name="hook"),
    path("sdk/v1/", include("retargeting.channels.in_app.api")),
    path("outbox/", views.Outbox.as_view(), name="outbox"),
    path("outbox/<int:pk>/", views.OutboxMessage.as_view(), name="outbox-message"),
    path("outbox/<int:pk>/html/", views.OutboxHtml.as_view(), name="outbox-html"),
]
