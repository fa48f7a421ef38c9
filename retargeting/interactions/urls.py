from django.urls import path

from retargeting.interactions import views

urlpatterns = [path("channels/overview/", views.channel_overview, name="channel-overview")]
