from django.urls import path

from retargeting.messaging import views

urlpatterns = [
    path("t/o/<str:token>.gif", views.open_pixel, name="track-open"),
    path("t/c/<str:token>/", views.click, name="track-click"),
    path("t/r/<str:token>/", views.report, name="track-report"),
    path("l/<str:code>", views.short_link, name="short-link"),
    path("t/u/<str:token>/", views.unsubscribe_page, name="unsubscribe"),
]
