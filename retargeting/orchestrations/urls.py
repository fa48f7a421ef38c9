from django.urls import path

from retargeting.orchestrations import views

urlpatterns = [
    path("labels/", views.LabelList.as_view(), name="labels"),
    path("labels/new/", views.LabelCreate.as_view(), name="label-create"),
    path("labels/<int:pk>/", views.LabelPage.as_view(), name="label"),
    path("labels/<int:pk>/edit/", views.LabelUpdate.as_view(), name="label-edit"),
    path("labels/<int:pk>/delete/", views.LabelDelete.as_view(), name="label-delete"),
]
