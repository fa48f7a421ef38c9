"""From draft to running, and what else happens to an automation as a whole."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST

from automations import actions, moving, publishing
from automations.actions import AutomationError
from automations.forms.whole import LabelsForm
from automations.graph import codec
from automations.graph.nodes import Definition
from automations.models import Automation, Journey
from automations.publishing import NotReady, People
from automations.readiness import problems
from automations.versions import current_of, draft_of
from automations.wording import differences
from retargeting.accounts.permissions import actor_of
from retargeting.web.access import WriterRequiredMixin, writer_required
from retargeting.web.confirming import ConfirmView, go
from retargeting.web.editing import ActionFormView


class Create(ActionFormView):
    form_class = LabelsForm
    button = "Create"
    back_label = "Automations"
    done = "Created. Choose what begins a journey, and add the first step."

    def title(self) -> str:
        return "New automation"

    def back(self) -> str:
        return reverse("automations")

    def act(self, form: LabelsForm) -> str:
        created = actions.create_automation(actor=actor_of(self.request), **form.cleaned_data)
        return reverse("automation", args=[created.pk])


class NameAndLabels(ActionFormView):
    form_class = LabelsForm
    done = "Saved."

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.automation = get_object_or_404(Automation, pk=kwargs["pk"])
        self.back_label = self.automation.name

    def title(self) -> str:
        return "Name and labels"

    def back(self) -> str:
        return reverse("automation", args=[self.automation.pk])

    def get_initial(self) -> dict[str, Any]:
        return {"name": self.automation.name, "labels": self.automation.labels.all()}

    def act(self, form: LabelsForm) -> str:
        actions.update_automation(actor=actor_of(self.request), automation=self.automation, **form.cleaned_data)
        return self.back()


class Publish(WriterRequiredMixin, View):
    """What will change, what becomes of those on the way, and the button."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.automation = get_object_or_404(Automation, pk=kwargs["pk"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        people = request.POST.get("people", People.FINISH)
        others = request.POST.get("others", People.FINISH)
        if people not in People.values or others not in (People.FINISH, People.END):
            return self.page(status=422)
        draft = draft_of(self.automation)
        if draft is not None and str(draft.updated_at.timestamp()) != request.POST.get("seen", ""):
            messages.warning(request, "The draft has changed since you last saw it. Nothing was published.")
            return self.page(status=422)
        try:
            version = publishing.publish(
                actor=actor_of(request),
                automation=self.automation,
                people=People(people),
                others=People(others),
                reach_finished="reach_finished" in request.POST,
            )
        except NotReady:
            return self.page(status=422)
        except AutomationError as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, f"Version {version.number} is published: people enter it from now on.")
        return go(request, reverse("automation", args=[self.automation.pk]))

    def page(self, status: int = 200) -> HttpResponse:
        draft, current = draft_of(self.automation), current_of(self.automation)
        definition = codec.decode(draft.definition) if draft else Definition()
        before = codec.decode(current.definition) if current else None
        found = problems(self.automation.pk, definition) if draft else []
        context = {
            "automation": self.automation,
            "draft": draft,
            "seen": str(draft.updated_at.timestamp()) if draft else "",
            "current": current,
            "changes": differences(before, definition, self.automation.pk) if before else [],
            "blocking": [problem for problem in found if not problem.warning],
            "warnings": [problem for problem in found if problem.warning],
            "effects": publishing.effects(self.automation, definition) if draft else None,
            "definition": definition,
            "steps": sum(1 for _ in definition.walk()),
        }
        return render(self.request, "automations/publish.html", context, status=status)


class _Confirmed(ConfirmView):
    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.automation = get_object_or_404(Automation, pk=kwargs["pk"])

    def back(self) -> str:
        return reverse("automation", args=[self.automation.pk])

    def do(self) -> str:
        """Do it; returns what to say."""
        raise NotImplementedError

    def act(self) -> str:
        try:
            messages.success(self.request, self.do())
        except AutomationError as error:
            messages.warning(self.request, str(error))
        return self.back()


class Stop(_Confirmed):
    def question(self) -> dict[str, Any]:
        waiting = publishing.effects(self.automation, Definition()).on_the_way
        return {
            "title": f"Stop {self.automation.name}?",
            "sentence": f"{waiting:,} people are on their way: their journeys end, and nobody enters any more.",
            "consequences": [
                "Messages that are on their way are not sent.",
                "Publishing it again begins anew; whoever was on the way stays out.",
                "To hold it for a while, pause it instead.",
            ],
            "button": "Stop it",
            "back": self.back(),
        }

    def do(self) -> str:
        ended = publishing.stop(actor=actor_of(self.request), automation=self.automation)
        return f"Stopped: {ended:,} journeys ended."


class Discard(_Confirmed):
    def question(self) -> dict[str, Any]:
        return {
            "title": "Discard the draft?",
            "sentence": "All changes since the version that runs are lost.",
            "button": "Discard it",
            "back": self.back(),
        }

    def do(self) -> str:
        actions.discard_draft(actor=actor_of(self.request), automation=self.automation)
        return "The draft is discarded."


MOVES = {
    "pause": (publishing.pause, "Paused: nobody enters, nobody moves on."),
    "resume": (publishing.resume, "Resumed."),
    "archive": (actions.archive, "Archived."),
    "unarchive": (actions.unarchive, "It is back."),
}


@require_POST
@writer_required
def move(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    automation = get_object_or_404(Automation, pk=pk)
    act, said = MOVES[verb]
    try:
        act(actor=actor_of(request), automation=automation)
        messages.success(request, said)
    except AutomationError as error:
        messages.warning(request, str(error))
    return go(request, reverse("automation", args=[pk]))


@require_POST
@writer_required
def duplicate(request: HttpRequest, pk: int) -> HttpResponse:
    copy = actions.duplicate(actor=actor_of(request), automation=get_object_or_404(Automation, pk=pk))
    messages.success(request, "This is the copy.")
    return go(request, reverse("automation", args=[copy.pk]))


@require_POST
@writer_required
def journey(request: HttpRequest, pk: int, journey: int) -> HttpResponse:
    """Move one person to another step, or take them out."""
    automation = get_object_or_404(Automation, pk=pk)
    found = get_object_or_404(Journey, pk=journey, automation=automation)
    actor = actor_of(request)
    try:
        if request.POST.get("do") == "remove":
            moving.remove_journeys(actor=actor, automation=automation, ids=[found.pk])
            messages.success(request, "Taken out: this journey is over.")
        else:
            moving.move_journey(actor=actor, journey=found, step=request.POST.get("to", ""))
            messages.success(request, "Moved.")
    except AutomationError as error:
        messages.warning(request, str(error))
    return go(request, f"{reverse('automation', args=[pk])}?who={request.POST.get('who', '')}")
