from django.urls import path

from retargeting.profiles.views import imports, lists, people

urlpatterns = [
    path("people/", people.PeopleList.as_view(), name="people"),
    path("people/<int:pk>/", people.PersonPage.as_view(), name="person"),
    path("people/<int:pk>/erase/", people.ErasePerson.as_view(), name="person-erase"),
    path("audiences/lists/", lists.Lists.as_view(), name="lists"),
    path("audiences/lists/new/", lists.ListCreate.as_view(), name="list-create"),
    path("audiences/lists/<int:pk>/", lists.ListPage.as_view(), name="list"),
    path("audiences/lists/<int:pk>/rename/", lists.ListRename.as_view(), name="list-rename"),
    path("audiences/lists/<int:pk>/delete/", lists.ListDelete.as_view(), name="list-delete"),
    path("audiences/lists/<int:pk>/add/", lists.add_member, name="list-add"),
    path("audiences/lists/<int:pk>/remove/", lists.remove_member, name="list-remove"),
    path("audiences/lists/<int:pk>/put-back/", lists.put_member_back, name="list-put-back"),
    path("audiences/lists/<int:pk>/removed/", lists.RemovedPage.as_view(), name="list-removed"),
    path("audiences/lists/<int:pk>/upload/", imports.Upload.as_view(), name="list-upload"),
    path("audiences/uploads/<int:pk>/", imports.ImportPage.as_view(), name="import"),
    path("audiences/uploads/<int:pk>/cancel/", imports.cancel, name="import-cancel"),
    path("audiences/uploads/<int:pk>/rejected.csv", imports.rejected, name="import-rejected"),
]
