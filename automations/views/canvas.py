"""The canvas: the automation as a tree of cards, and a panel for the one that is chosen."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views import View

from automations import actions, canvas, numbers
from automations.actions import AutomationError
from automations.forms.steps import NAME, MessageStepForm, step_form
from automations.forms.whole import EndsForm, TriggerForm
from automations.graph import editing
from automations.graph.editing import JSON, Gone
from automations.graph.nodes import Message
from automations.numbers import Period
from automations.views.page import ENDS, PERIODS, TRIGGER, Page
from automations.whereabouts import where_is
from automations.wording import called, entry_words, trigger_words
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.panel import find_person
from retargeting.audiences.builder.suggestions import suggestions
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import headline, language_choices, language_name
from retargeting.messaging.languages import told_in
from retargeting.messaging.testing import preview
from retargeting.web.access import check_writer
from retargeting.web.confirming import go

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_ASKED = 3
MOST_JOURNEYS = 10
"""Of one person, that the panel shows."""


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
            "trunk": canvas.trunk(
                page.definition, counted, page.problems, step["key"] if step else "", page.automation.pk
            ),
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
        if context["adding"]:
            context["sources"] = sources(page)
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
        return self.shown.condition_form()[NAME]

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
            event=page.entry_of(person),
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
            "attributes": [*self.entry_names(), *sorted(filter(PLAIN_NAME.fullmatch, suggestions().attributes))[:40]],
        }

    def entry_names(self) -> list[str]:
        event = self.shown.entry_event
        known = suggestions().events.get(event.event, {}) if event else {}
        return [f"event.{name}" for name in sorted(filter(PLAIN_NAME.fullmatch, known))[:20]]


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


def sources(page: Page) -> list[tuple[str, str]]:
    """What can be copied: (key, what it is called) of steps, (key.branch, …) of branches with something in them."""
    found = []
    for step in page.definition.walk():
        title = called(step, page.automation.pk)
        found.append((step.key, title))
        for place, branch in enumerate(step.branches):
            if branch.steps:
                name = canvas.branch_name(step, place, page.automation.pk)
                found.append((f"{step.key}.{branch.key}", f"{title} → all of {name}"))
    return found


def whereabouts(page: Page) -> dict[str, Any]:
    """Where somebody is, whom the panel is asked about."""
    words = page.request.GET.get("who", "")
    if not words:
        return {"who": ""}
    person = find_person(words)
    found = where_is(person, page.automation)[:MOST_JOURNEYS] if person is not None else []
    titles = [(step.key, called(step, page.automation.pk)) for step in page.definition.walk()]
    return {"who": words, "person": person, "journeys": found, "titles": titles}
