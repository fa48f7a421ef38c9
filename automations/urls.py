from django.urls import path

from automations.views import canvas, changing, condition, lists, people, publishing, report, simulation

urlpatterns = [
    path("automations/", lists.AutomationList.as_view(), name="automations"),
    path("automations/new/", publishing.Create.as_view(), name="automation-create"),
    path("automations/<int:pk>/", canvas.Canvas.as_view(), name="automation"),
    path("automations/<int:pk>/name/", publishing.NameAndLabels.as_view(), name="automation-name"),
    path("automations/<int:pk>/change/", changing.change, name="automation-change"),
    path("automations/<int:pk>/builder/", condition.builder, name="automation-builder"),
    path("automations/<int:pk>/preview/mail/", condition.mail, name="automation-preview-mail"),
    path("automations/<int:pk>/publish/", publishing.Publish.as_view(), name="automation-publish"),
    path("automations/<int:pk>/stop/", publishing.Stop.as_view(), name="automation-stop"),
    path("automations/<int:pk>/discard/", publishing.Discard.as_view(), name="automation-discard"),
    path("automations/<int:pk>/duplicate/", publishing.duplicate, name="automation-duplicate"),
    path("automations/<int:pk>/simulation/", simulation.show, name="automation-simulation"),
    path("automations/<int:pk>/report/", report.show, name="automation-report"),
    path("automations/<int:pk>/people/", people.people, name="automation-people"),
    path("automations/<int:pk>/journeys/<int:journey>/", publishing.journey, name="automation-journey"),
    *(
        path(f"automations/<int:pk>/{verb}/", publishing.move, {"verb": verb}, name=f"automation-{verb}")
        for verb in publishing.MOVES
    ),
]
