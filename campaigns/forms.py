from __future__ import annotations

from datetime import date, datetime, time
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils import timezone

from campaigns.models import Campaign
from retargeting.audiences.builder.field import AudienceField
from retargeting.audiences.builder.panel import find_person
from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import FIELDS, ContentError, check
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import CHANNEL_CHOICES
from retargeting.profiles.validation import Mistakes, clean_address


class NameForm(forms.Form):
    name = forms.CharField(max_length=200)
    labels = forms.ModelMultipleChoiceField(
        Label.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )


class NewCampaignForm(NameForm):
    channel = forms.ChoiceField(choices=CHANNEL_CHOICES, widget=forms.RadioSelect, initial=Channel.PUSH.value)

    field_order = ["name", "channel", "labels"]


class BulkLabelForm(forms.Form):
    """What the bar below the list posts."""

    campaign = forms.ModelMultipleChoiceField(Campaign.objects.prefetch_related("labels"))
    label = forms.ModelChoiceField(Label.objects.order_by("name"), empty_label="Choose a label")
    operation = forms.ChoiceField(choices=[("add", "Add label"), ("remove", "Take label off")])


class AudienceForm(forms.Form):
    def __init__(self, *args: Any, field: AudienceField, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["audience"] = field

    def changes(self) -> dict[str, Any]:
        return {"audience": self.cleaned_data["audience"]}


class MessageForm(forms.Form):
    """The fields of a channel's message. Whatever can be stored is valid; `mistakes` are what must still change."""

    def __init__(self, channel: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel = channel
        for field in FIELDS[Channel(channel)]:
            rows = 12 if field.html else 4
            choices = [(choice, choice.capitalize()) for choice in field.choices]
            self.fields[field.key] = forms.CharField(
                label=field.label,
                help_text=field.help,
                max_length=field.most,
                required=False,
                strip=False,
                widget=forms.Textarea(attrs={"rows": rows, "spellcheck": "true"})
                if field.multiline
                else forms.Select(choices=choices)
                if choices
                else None,
            )

    def changes(self) -> dict[str, Any]:
        return {"content": self.content}

    @property
    def content(self) -> dict[str, str]:
        # Browsers send line ends as CRLF.
        return {key: value.replace("\r\n", "\n") for key, value in self.cleaned_data.items() if value}

    def mistakes(self) -> list[ContentError]:
        return check(self.channel, self.content, complete=False)


@cache
def zone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [(name, name.replace("_", " ")) for name in ["UTC", *names]]


MODES = [("now", "When it is launched"), ("later", "At a date and time")]
DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class WhenForm(forms.Form):
    """Now, or a moment on the clocks of one time zone."""

    mode = forms.ChoiceField(
        label="When",
        choices=[("now", "When it is launched"), ("later", "At a date and time")],
        widget=forms.RadioSelect,
    )
    day = forms.DateField(
        label="Date", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    clock = forms.TimeField(
        label="Time", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    zone = forms.ChoiceField(label="On the clocks of", choices=zone_choices)

    @staticmethod
    def initial_for(send_at: datetime | None, zone: str) -> dict[str, Any]:
        if send_at is None:
            return {"mode": "now", "zone": zone}
        local = send_at.astimezone(ZoneInfo(zone))
        return {"mode": "later", "day": local.date(), "clock": local.time(), "zone": zone}

    def changes(self) -> dict[str, Any]:
        return {"send_at": self.cleaned_data["send_at"]}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["send_at"] = None
        if data.get("mode") == "later" and not self.errors:
            if not (data.get("day") and data.get("clock")):
                self.add_error("day" if not data.get("day") else "clock", "Choose a date and a time.")
            else:
                data["send_at"] = self._moment(data["day"], data["clock"], data["zone"])
        return data

    def _moment(self, day: date, clock: time, zone: str) -> datetime | None:
        """That time on the clocks of the zone. An hour that they skip is refused; of one they repeat, the first."""
        try:
            moment = datetime.combine(day, clock, ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
        except OverflowError:
            self.add_error("day", "That date is too far away.")
            return None
        if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != datetime.combine(day, clock):
            self.add_error(
                "clock", f"Clocks in {zone} skip {clock:%H:%M} on that day: they go forward. Choose another."
            )
        elif moment <= timezone.now():
            self.add_error("day", "That is in the past.")
        elif moment.year > timezone.now().year + 5:
            self.add_error("day", "That is more than five years away.")
        return moment


class PersonField(forms.CharField):
    """Somebody, by external id or email address; cleans to a Profile, or None where it may be empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 1024, "label": "Person", **kwargs})
        self.widget.attrs.update(placeholder="External id or email", autocomplete="off", spellcheck="false")

    def clean(self, value: Any) -> Any:
        words = super().clean(value)
        if not words:
            return None
        if (person := find_person(words)) is None:
            raise forms.ValidationError("Nobody has this external id or email address.")
        return person


class PersonForm(forms.Form):
    person = PersonField()


class TestForm(forms.Form):
    person = PersonField(label="As who", help_text="Whose attributes fill the message in.")
    address = forms.CharField(
        label="Send it to",
        required=False,
        max_length=1024,
        help_text="Another address than the person's own: yours, say.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, channel: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel = Channel(channel)

    def clean_address(self) -> str | None:
        """As an import would store it, so that a test is refused for what a real address would be refused for."""
        words = self.cleaned_data["address"]
        if not words:
            return None
        mistakes = Mistakes()
        address = clean_address(self.channel, words, mistakes)
        if address is None:
            raise forms.ValidationError([mistake.message for mistake in mistakes])
        return address
