from django.urls import path

from retargeting.audiences import views

urlpatterns = [
    path("audiences/", views.AudienceList.as_view(), name="audiences"),
    path("audiences/try/", views.TryAudience.as_view(), name="audience-try"),
    path("audiences/builder/", views.builder, name="audience-builder"),
    path("audiences/builder/options/", views.builder_options, name="audience-builder-options"),
    path("audiences/segments/new/", views.SegmentEditor.as_view(), name="segment-create"),
    path("audiences/segments/<int:pk>/", views.SegmentPage.as_view(), name="segment"),
    path("audiences/segments/<int:pk>/edit/", views.SegmentEditor.as_view(), name="segment-edit"),
    path("audiences/segments/<int:pk>/builder/", views.segment_builder, name="segment-builder"),
    path("audiences/segments/<int:pk>/delete/", views.SegmentDelete.as_view(), name="segment-delete"),
]
