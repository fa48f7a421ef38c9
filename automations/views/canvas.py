"""The canvas: the automation as a tree of cards, and a panel for the one that is chosen."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views import View
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from automations import actions, canvas, numbers
from automations.actions import AutomationError
from automations.forms import NAME, ConditionForm, EndsForm, MessageStepForm, TriggerForm, step_form
from automations.graph import codec, editing
from automations.graph.editing import JSON, Gone
from automations.graph.nodes import Definition, Message
from automations.models import Automation, Version
from automations.numbers import Period
from automations.readiness import Problem, problems
from automations.versions import current_of, draft_of
from automations.whereabouts import where_is
from automations.wording import entry_words, trigger_words
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.field import AudienceField, AudienceWidget, answer
from retargeting.audiences.builder.panel import find_person
from retargeting.audiences.builder.suggestions import suggestions
from retargeting.conditions.encoding import encode
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import headline, language_choices, language_name
from retargeting.messaging.languages import told_in
from retargeting.messaging.mailframe import mail_response
from retargeting.messaging.testing import preview
from retargeting.web.access import can_write, check_writer
from retargeting.web.confirming import go

TRIGGER, ENDS = "trigger", "ends"
"""What the panel shows beside steps. No key of a step is in its way: those two are asked for as `part`."""
PERIODS = {"1": "last 24 hours", "7": "last 7 days", "30": "last 30 days", "365": "last year"}
DEFAULT_PERIOD = "30"
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_ASKED = 3
MOST_JOURNEYS = 10
"""Of one person, that the panel shows."""


class Page:
    """An automation with what somebody who opens it sees of it: the draft, or what runs."""

    def __init__(self, request: HttpRequest, pk: int) -> None:
        self.request = request
        self.automation = get_object_or_404(Automation.objects.prefetch_related("labels"), pk=pk)
        self.forget()

    def forget(self) -> None:
        """Read it anew, after a change."""
        self.draft: Version | None = draft_of(self.automation)
        self.current: Version | None = current_of(self.automation)
        version = self.draft or self.current
        self.json: JSON = version.definition if version else codec.encode(Definition())
        self.definition = codec.decode(self.json)
        self.problems: list[Problem] = problems(self.automation.pk, self.definition)

    @property
    def editable(self) -> bool:
        return can_write(self.request.user) and self.automation.archived_at is None

    @property
    def step(self) -> JSON | None:
        """The step that is asked for."""
        try:
            return editing.find(self.json, self.request.GET.get("step", ""))
        except Gone:
            return None

    @property
    def part(self) -> str:
        asked = self.request.GET.get("part", "")
        return asked if asked in {TRIGGER, ENDS} else ""

    @property
    def branch(self) -> str:
        """Of a split by conditions, the branch whose condition is asked for."""
        return self.request.GET.get("branch", "")

    @property
    def language(self) -> str:
        asked = self.request.GET.get("language", "")
        step = self.step or {}
        return asked if asked in step.get("message", {}).get("languages", {}) else ""

    @property
    def period(self) -> str:
        asked = self.request.GET.get("days", DEFAULT_PERIOD)
        return asked if asked in PERIODS else DEFAULT_PERIOD

    def url(self, **asked: str) -> str:
        query = urlencode({name: value for name, value in asked.items() if value})
        url = reverse("automation", args=[self.automation.pk])
        return f"{url}?{query}" if query else url

    # The condition that the panel's builder is about: of a split, a branch, a wait, or of who may enter.

    @property
    def tree(self) -> Any:
        step = self.step
        if self.part == TRIGGER:
            return (self.json.get("trigger") or {}).get("audience")
        if step is None:
            return None
        if self.branch:
            found = [branch for branch in step.get("branches", []) if branch["key"] == self.branch]
            return found[0].get("condition") if found else None
        return step.get("condition")

    def set_tree(self, definition: JSON, tree: Any) -> None:
        if self.part == TRIGGER:
            trigger = definition.get("trigger")
            if trigger is None:
                raise AutomationError("Choose what begins a journey first.")
            trigger["audience"] = tree if tree["conditions"] else None
            return
        step = editing.find(definition, self.request.GET.get("step", ""))
        if self.branch:
            for branch in step["branches"]:
                if branch["key"] == self.branch:
                    branch["condition"] = tree
            return
        step["condition"] = tree if tree["conditions"] else None
        if step["type"] == "wait_until" and tree["conditions"]:
            step.pop("event", None)
            step.pop("where", None)

    def builder(self) -> AudienceField:
        query = urlencode(
            {name: self.request.GET[name] for name in ("step", "part", "branch") if name in self.request.GET}
        )
        url = f"{reverse('automation-builder', args=[self.automation.pk])}?{query}"
        return ConditionForm(tree=self.tree, url=url, scope_allowed=self.part != TRIGGER).fields[NAME]  # type: ignore[return-value]


class Canvas(View):
    """GET shows it; POST saves the form of the panel: by itself while somebody types, or on a press of its button."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.shown = Page(request, kwargs["pk"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.page(self.form())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        check_writer(request.user)
        form, quiet = self.form(request.POST), bool(getattr(request, "htmx", None))
        if form is None:
            raise Http404("There is no such step any more.")
        if form.is_valid():
            try:
                self.save(form)
            except Gone:
                messages.warning(request, "Somebody has removed this step meanwhile; nothing was saved.")
                return go(request, self.shown.url())
            except AutomationError as error:
                messages.warning(request, str(error))
                return go(request, self.shown.url())
            except ConditionErrors as errors:
                form.add_error(None, [error.message for error in errors.errors])
            else:
                self.shown.forget()
                if not quiet:
                    return HttpResponseRedirect(request.get_full_path())
        if quiet:
            return render(request, "automations/saved.html", self.context(form))
        return self.page(form, status=422 if form.errors else 200)

    def form(self, data: Any = None) -> Any:
        page = self.shown
        match page.part:
            case "trigger":
                return TriggerForm(data, definition=page.json, zone=timezone.get_current_timezone_name())
            case "ends":
                return EndsForm(data, definition=page.json)
        step = page.step
        return step_form(step, data, language=page.language) if step is not None else None

    def save(self, form: Any) -> None:
        page, written = self.shown, form.written()

        def change(definition: JSON) -> None:
            if page.part == TRIGGER:
                audience = (definition.get("trigger") or {}).get("audience")
                definition["trigger"] = {**written, **({"audience": audience} if audience else {})}
            elif page.part == ENDS:
                definition.update(written)
            else:
                step = editing.find(definition, page.request.GET["step"])
                step.update(written)
                for key in [key for key, value in step.items() if value is None and key != "condition"]:
                    del step[key]

        about = page.part or page.request.GET["step"]
        actions.change_draft(actor=actor_of(page.request), automation=page.automation, change=change, about=about)

    def page(self, form: Any, status: int = 200) -> HttpResponse:
        return render(self.request, "automations/canvas.html", self.context(form), status=status)

    def context(self, form: Any) -> dict[str, Any]:
        page = self.shown
        step = page.step
        since = timezone.now() - timedelta(days=int(page.period))
        period = Period(since)
        counted = numbers.of_steps(page.automation, period)
        blocking = [problem for problem in page.problems if not problem.warning]
        context: dict[str, Any] = {
            "page": page,
            "automation": page.automation,
            "editable": page.editable,
            "form": form,
            "step": step,
            "part": page.part,
            "trunk": canvas.trunk(page.definition, counted, page.problems, step["key"] if step else ""),
            "whole": numbers.of_whole(page.automation, period),
            "trigger_title": trigger_words(page.definition.trigger),
            "entry": entry_words(page.definition),
            "goal": page.definition.goal,
            "exits": page.definition.exits,
            "problems": page.problems,
            "blocking": blocking,
            "of_trigger": [problem for problem in page.problems if problem.part == TRIGGER],
            "of_nothing": [problem for problem in page.problems if not problem.step and not problem.part],
            "period": page.period,
            "periods": PERIODS.items(),
            "events": list(suggestions().events),
            "properties": sorted({name for names in suggestions().events.values() for name in names}),
            "now": timezone.now(),
            "refused": form is not None and form.is_bound and bool(form.errors),
            "step_title": canvas.TITLES.get(step["type"], "Message") if step else "",
            "fields": [],
            "settings": [],
            "kinds": KINDS,
            "adding": self.request.GET.get("add", "") if page.editable else "",
        }
        if step is not None:
            context |= self.step_context(step, form)
        if page.part == TRIGGER and "audience" in self.request.GET:
            context["builder"] = self.condition()
        if step is None and not page.part:
            context |= whereabouts(page)
        return context

    def step_context(self, step: JSON, form: Any) -> dict[str, Any]:
        page = self.shown
        found: dict[str, Any] = {
            "step_problems": [problem for problem in page.problems if problem.step == step["key"]]
        }
        if step["type"] == "message":
            return {**found, **self.message_context(step, form)}
        if step["type"] == "split" or self.request.GET.get("condition") or page.branch:
            found["builder"] = self.condition()
        if step["type"] == "split" and not (step.get("condition") or {}).get("conditions"):
            found["before"] = self.messages_before(step["key"])
        if step["type"] in {"multi_split", "random_split"}:
            found["branch_rows"] = form.rows()
        if step["type"] == "wait_until":
            found["waits_for"] = bool(step.get("condition"))
        return found

    def messages_before(self, key: str) -> list[tuple[str, str, str]]:
        """(key, channel, title) of the messages that stand before the step, the nearest first."""
        found: list[tuple[str, str, str]] = []
        for step in self.shown.definition.walk():
            if step.key == key:
                break
            if isinstance(step.action, Message):
                title = step.name or headline(step.action.channel, step.action.content) or step.key
                found.insert(0, (step.key, str(step.action.channel), title))
        return found[:MOST_ASKED]

    def condition(self) -> Any:
        page = self.shown
        field = page.builder()
        form = ConditionForm(tree=page.tree, url=field.url, scope_allowed=field.scope_allowed)
        return form[NAME]

    def message_context(self, step: JSON, form: MessageStepForm) -> dict[str, Any]:
        page = self.shown
        content = form.content if form.is_bound else step.get("message", {})
        words = self.request.POST.get("as", "") or self.request.GET.get("as", "")
        person = find_person(words) if words else None
        shown = preview(
            channel=step["channel"],
            content=content,
            profile=person,
            campaign=page.automation.name,
            language=page.language,
        )
        version = salted_hmac("preview", shown.content.get("html", "")).hexdigest()[:12]
        query = urlencode({"step": step["key"], "as": words, "language": page.language, "v": version})
        mistakes = {error.field: error.message for error in shown.errors}
        fields = [
            (form[name], str((form.errors.get(name) or [""])[0]) or mistakes.get(form.place_of(name), ""))
            for name in form.fields
        ]
        settings = {field.key for field in form.shown if field.setting}
        codes = list(told_in(step.get("message", {})))
        return {
            "language_tabs": [(code, language_name(code)) for code in codes],
            "language_offers": [(code, name) for code, name in language_choices() if code not in codes],
            "preview": shown,
            "preview_template": f"messaging/preview/{step['channel']}.html",
            "shown": {"mail_url": f"{reverse('automation-preview-mail', args=[page.automation.pk])}?{query}"},
            "as_words": words,
            "fields": [(field, mistake) for field, mistake in fields if field.name not in settings],
            "settings": [(field, mistake) for field, mistake in fields if field.name in settings],
            "attributes": sorted(filter(PLAIN_NAME.fullmatch, suggestions().attributes))[:40],
        }


KINDS = [
    ("Messages", [(str(channel), name, str(channel)) for channel, name in (
        (Channel.PUSH, "Push"), (Channel.EMAIL, "Email"), (Channel.SMS, "SMS"), (Channel.IN_APP, "In-app message"),
    )]),
    ("Time", [("delay", "Delay", "clock"), ("wait_until", "Wait until something happens", "history")]),
    ("Ways", [
        ("split", "Yes/no split", "route"),
        ("multi_split", "Split by conditions", "route"),
        ("random_split", "Random split", "selector"),
        ("exit", "Exit", "logout"),
    ]),
    ("Data", [("update_profile", "Update profile", "user"), ("webhook", "Webhook", "link")]),
]  # fmt: skip
"""What the picker of a new step offers: groups of (kind, name, icon or channel)."""


def whereabouts(page: Page) -> dict[str, Any]:
    """Where somebody is, whom the panel is asked about."""
    words = page.request.GET.get("who", "")
    if not words:
        return {"who": ""}
    person = find_person(words)
    found = where_is(person, page.automation)[:MOST_JOURNEYS] if person is not None else []
    titles = [(step.key, canvas.face(step)[0]) for step in page.definition.walk()]
    return {"who": words, "person": person, "journeys": found, "titles": titles}


@require_POST
def builder(request: HttpRequest, pk: int) -> HttpResponse:
    """The builder of a condition anew, and what was finished of it is saved."""
    page = Page(request, pk)
    field = page.builder()
    response = answer(request, field, NAME)
    if page.editable:
        response.write(_saved(request, page, field))
    return response


def _saved(request: HttpRequest, page: Page, field: AudienceField) -> str:
    draft = AudienceWidget().value_from_datadict(request.POST, request.FILES, NAME)
    if draft is not None:
        # The button has been seen to; what is left is a tree like any other.
        draft.operation = ""
    refused = ""
    try:
        tree = field.clean(draft)
    except ValidationError:
        refused = "not saved: finish the condition"
    else:
        refused = _save_tree(request, page, tree)
    page.forget()
    view = Canvas()
    view.request, view.shown = request, page
    context = {**view.context(None), "refused_words": refused}
    return render(request, "automations/saved.html", context).content.decode()


def _save_tree(request: HttpRequest, page: Page, tree: Any) -> str:
    """Returns what is to be said where it could not be saved."""
    try:
        actions.change_draft(
            actor=actor_of(request),
            automation=page.automation,
            change=lambda definition: page.set_tree(definition, encode(tree)),
            about=f"condition {request.GET.get('step', '')}{page.branch}",
        )
    except (AutomationError, Gone) as error:
        return f"not saved: {error}"
    except ConditionErrors as errors:
        return f"not saved: {errors.errors[0].message}"
    return ""


@require_safe
@xframe_options_sameorigin
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """The HTML of the mail of a step as saved, for a frame without rights."""
    page = Page(request, pk)
    step = page.step
    if step is None or step["type"] != "message":
        raise Http404("There is no such step any more.")
    shown = preview(
        channel=step["channel"],
        content=step.get("message", {}),
        profile=find_person(request.GET.get("as", "")),
        campaign=page.automation.name,
        language=page.language,
    )
    return mail_response(shown.content.get("html", ""))
