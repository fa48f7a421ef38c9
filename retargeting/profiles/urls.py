from django.urls import path

from retargeting.profiles import views

urlpatterns = [
    path("people/", views.PeopleList.as_view(), name="people"),
    path("people/<int:pk>/", views.PersonPage.as_view(), name="person"),
    path("people/<int:pk>/erase/", views.ErasePerson.as_view(), name="person-erase"),
]
