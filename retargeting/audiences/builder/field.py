"""The condition builder as a field of any form.

    class SegmentForm(forms.Form):
        audience = AudienceField()

`cleaned_data["audience"]` is a decoded Group; `initial` takes one, or its JSON. A press on one of the builder's
buttons without JavaScript submits the page's own form: the field then has done what the button says and is invalid
without an error to show, so that the page comes again. With HTMX the builder posts to `url`, whose view calls
`answer` with an equal field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from retargeting.audiences.builder.choices import Choices
from retargeting.audiences.builder.controls import Setting, row_controls
from retargeting.audiences.builder.draft import Draft, DraftGroup, DraftRow, new_id
from retargeting.audiences.builder.evaluating import read
from retargeting.audiences.builder.filling import drafted
from retargeting.audiences.builder.operations import operate
from retargeting.audiences.builder.panel import Lines, Options, Panel, builder_url
from retargeting.audiences.builder.posted import posted_draft
from retargeting.audiences.builder.settling import settle
from retargeting.audiences.builder.suggestions import suggestions
from retargeting.audiences.models import Segment
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import EVERYONE, Group


def draft_of(value: object) -> Draft:
    """A draft of whatever a form holds: a draft, a tree, its JSON. Nothing and nonsense are the empty audience."""
    if isinstance(value, Draft):
        return value
    if isinstance(value, dict):
        try:
            value = codec.decode(value, in_automation=True)
        except ConditionErrors:
            value = None
    draft = drafted(value if isinstance(value, Group) else EVERYONE)
    settle(draft, suggestions())
    return draft


def posted(data: Mapping[str, Any], name: str) -> Draft | None:
    """The draft in a posted form, after what its button asked for; None if there is none in it."""
    draft = posted_draft(data, name)
    if draft is None:
        return None
    settle(draft, suggestions())
    if draft.operation:
        operate(draft, draft.operation)
        settle(draft, suggestions())
    return draft


class AudienceWidget(forms.Widget):
    """Draws the builder with its numbers and reads the draft back."""

    use_fieldset = True

    def __init__(self) -> None:
        super().__init__()
        self.field: AudienceField | None = None

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        assert self.field is not None
        panel = Panel(draft_of(value), self.field.options(name))
        return mark_safe(panel.render())  # noqa: S308 - a template's output

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Draft | None:
        return posted(data, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}-node" not in data

    def id_for_label(self, id_: str) -> str:
        """No one control is the builder's; its group is named instead."""
        return ""


class AudienceField(forms.Field):
    widget = AudienceWidget

    def __init__(
        self,
        *,
        url: str = "",
        segment: Segment | None = None,
        in_automation: bool = False,
        entry_event: str = "",
        lines: Lines | None = None,
        **kwargs: Any,
    ) -> None:
        """`segment` is the one being edited, `lines` adds to the rail; a page with either has a `url` of its own.

        `in_automation` offers what can be asked on a journey; `entry_event` is the name of what begins it.
        """
        super().__init__(**kwargs)
        self.url, self.segment, self.lines = url, segment, lines
        self.in_automation, self.entry_event = in_automation, entry_event
        self.widget.field = self

    def __deepcopy__(self, memo: dict[int, Any]) -> AudienceField:
        copied = super().__deepcopy__(memo)
        copied.widget.field = copied
        return copied

    def options(self, name: str) -> Options:
        url = self.url or f"{builder_url()}?name={name}"
        return Options(name, url, self.segment, self.in_automation, self.entry_event, self.lines)

    def clean(self, value: Any) -> Group:
        if not isinstance(value, Draft):
            raise ValidationError("The audience is missing.", code="required")
        if value.operation:
            raise ValidationError([])
        reading = read(value, segment=self.segment, in_automation=self.in_automation)
        tree = reading.tree
        if tree is None:
            raise ValidationError(reading.whole or [_unfinished(reading.unfinished)], code="unfinished")
        try:
            return codec.decode(codec.encode(tree), in_automation=self.in_automation)
        except ConditionErrors as errors:
            raise ValidationError([error.message for error in errors.errors], code="invalid") from errors

    def has_changed(self, initial: Any, data: Any) -> bool:
        if not isinstance(data, Draft):
            return False
        tree = read(data, segment=self.segment, in_automation=self.in_automation).tree
        before = read(draft_of(initial), in_automation=self.in_automation).tree
        return tree is None or before is None or codec.encode(tree) != codec.encode(before)


def _unfinished(number: int) -> str:
    if number == 1:
        return "One condition is not finished yet: it says what it needs."
    return f"{number} conditions are not finished yet: each says what it needs."


def answer(request: HttpRequest, field: AudienceField, name: str) -> HttpResponse:
    """The builder anew for what was posted: the answer to each change of it."""
    draft = posted(request.POST, name)
    if draft is None:
        draft = Draft(DraftGroup(new_id()))
    return HttpResponse(Panel(draft, field.options(name)).render())


def option_list(request: HttpRequest, name: str, control: str) -> HttpResponse:
    """The options of one picker for the words in its search field. `control` is its id."""
    draft = posted_draft(request.POST, name)
    parts = control.removeprefix(f"{name}-").split("-")
    place = draft.place(parts[0]) if draft is not None else None
    if draft is None or place is None or not isinstance(place.item, DraftRow):
        return HttpResponse()
    known = suggestions()
    settle(draft, known)
    drawn = row_controls(place.item, Setting(Choices(draft), known, prefix=name), {})
    picker = next((one for one in drawn if one.shape == "picker" and one.id == control), None)
    if picker is None:
        return HttpResponse()
    return HttpResponse(render_to_string("audiences/builder/options.html", {"control": picker}))
