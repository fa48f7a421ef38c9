"""What the panel asks for by itself: the builder of a condition, and the mail of a step."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from automations import actions
from automations.actions import AutomationError
from automations.forms.steps import NAME
from automations.graph.editing import Gone
from automations.views.canvas import Canvas
from automations.views.page import Page
from retargeting.accounts.permissions import actor_of
from retargeting.audiences.builder.field import AudienceField, AudienceWidget, answer
from retargeting.audiences.builder.panel import find_person
from retargeting.conditions.encoding import encode
from retargeting.conditions.errors import ConditionErrors
from retargeting.messaging.mailframe import mail_response
from retargeting.messaging.testing import preview


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
    person = find_person(request.GET.get("as", ""))
    shown = preview(
        channel=step["channel"],
        content=step.get("message", {}),
        profile=person,
        campaign=page.automation.name,
        language=page.language,
        event=page.entry_of(person),
    )
    return mail_response(shown.content.get("html", ""))
