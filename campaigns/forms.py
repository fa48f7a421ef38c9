from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.utils import timezone

from campaigns.models import Campaign, IfPast, WinnerBy
from campaigns.variants import Told, with_rest
from retargeting.audiences.builder.field import AudienceField
from retargeting.audiences.builder.panel import find_person
from retargeting.conditions.nodes import Channel
from retargeting.messaging import languages
from retargeting.messaging.content import language_name
from retargeting.messaging.models import Priority
from retargeting.messaging.recurring import WEEKDAY_NAMES, WEEKDAYS, first_run, span_of
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


TRYING = [("all", "Everybody gets one of them"), ("share", "Some try them, and the others get the winner")]
FEWEST_TO_TRY, DEFAULT_SHARE = 1, 20


class VariantsForm(forms.Form):
    """Names and weights of the variants, and how they are tried. The original gets what weight the others leave."""

    trying = forms.ChoiceField(choices=TRYING, widget=forms.RadioSelect, required=False)
    test_share = forms.IntegerField(label="Who try them", min_value=FEWEST_TO_TRY, max_value=99, required=False)
    winner_by = forms.ChoiceField(label="Winner by", choices=WinnerBy.choices, required=False)
    hours = forms.DecimalField(
        label="Chosen after", min_value=Decimal("0.1"), max_value=720, decimal_places=1, required=False
    )

    def __init__(self, *args: Any, campaign: Campaign, told: Sequence[Told], **kwargs: Any) -> None:
        initial = {
            "trying": "all" if campaign.test_share == 100 else "share",
            "test_share": DEFAULT_SHARE if campaign.test_share == 100 else campaign.test_share,
            "winner_by": campaign.winner_by,
            "hours": round(Decimal(campaign.winner_after) / 60, 1),
        }
        super().__init__(*args, **{"initial": initial, **kwargs})
        self.campaign, self.known = campaign, told
        if campaign.channel == Channel.SMS:
            choices = [choice for choice in WinnerBy.choices if choice[0] != WinnerBy.OPENED]
            self.fields["winner_by"] = forms.ChoiceField(label="Winner by", choices=choices, required=False)
        for each in told:
            letter = each.key.upper()
            self.fields[f"name_{each.key}"] = forms.CharField(
                label=f"Name of variant {letter}", max_length=60, required=False, initial=each.name
            )
            if each is not told[0]:
                self.fields[f"weight_{each.key}"] = forms.IntegerField(
                    label=f"Percent of variant {letter}", min_value=1, max_value=99, initial=each.weight
                )

    def fields_of(self, told: Told) -> tuple[forms.BoundField, forms.BoundField | None]:
        """The name, and the weight where it can be set."""
        weight = f"weight_{told.key}"
        return self[f"name_{told.key}"], self[weight] if weight in self.fields else None

    def told(self) -> list[Told]:
        """The variants as they are wanted; a name that was emptied stays what it was."""
        data = self.cleaned_data
        return with_rest(
            [
                replace(
                    each,
                    name=data[f"name_{each.key}"].strip() or each.name,
                    weight=data.get(f"weight_{each.key}", each.weight),
                )
                for each in self.known
            ]
        )

    def settings(self) -> dict[str, Any]:
        data, campaign = self.cleaned_data, self.campaign
        return {
            "test_share": (data["test_share"] or DEFAULT_SHARE) if data["trying"] == "share" else 100,
            "winner_by": data["winner_by"] or campaign.winner_by,
            "winner_after": int(data["hours"] * 60) if data["hours"] else campaign.winner_after,
        }


@cache
def zone_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [(name, name.replace("_", " ")) for name in ["UTC", *names]]


MODES = [("now", "When it is launched"), ("later", "At a date and time")]
DAY = {"type": "date"}
CLOCK = {"type": "time"}
REPEATS = [("", "It goes out once"), ("day", "Every day"), ("week", "Every week"), ("month", "Every month")]
ENDS = [("never", "Until it is stopped"), ("until", "Until a date"), ("runs", "So many times")]
PAST = [("send", "Send it at once where that time is over"), ("skip", "Leave those out where that time is over")]
FEWEST_A_MINUTE = 10


class WhenForm(forms.Form):
    """Now, or a moment on the clocks of one time zone or of each person's own; once or again; and how fast."""

    mode = forms.ChoiceField(label="When", choices=MODES, widget=forms.RadioSelect)
    day = forms.DateField(label="Date", required=False, widget=forms.DateInput(attrs=DAY, format="%Y-%m-%d"))
    clock = forms.TimeField(label="Time", required=False, widget=forms.TimeInput(attrs=CLOCK, format="%H:%M"))
    zone = forms.ChoiceField(label="On the clocks of", choices=zone_choices)
    own_zones = forms.BooleanField(label="At that time in each person's own zone", required=False)
    if_past = forms.ChoiceField(label="If the time is over there", choices=PAST, required=False)
    every = forms.ChoiceField(label="Repeat", choices=REPEATS, required=False)
    weekdays = forms.MultipleChoiceField(
        label="On",
        choices=list(zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    month_day = forms.IntegerField(label="On day", min_value=1, max_value=31, required=False)
    ends = forms.ChoiceField(label="Ends", choices=ENDS, required=False)
    until = forms.DateField(label="Last day", required=False, widget=forms.DateInput(attrs=DAY, format="%Y-%m-%d"))
    runs = forms.IntegerField(label="Times in all", min_value=1, max_value=10_000, required=False)
    pace = forms.IntegerField(
        label="At most so many messages a minute",
        min_value=FEWEST_A_MINUTE,
        max_value=10_000_000,
        required=False,
        help_text="Empty: as fast as the provider takes them.",
    )
    hours = forms.DecimalField(
        label="Nothing is sent later than so many hours after the start",
        min_value=Decimal("0.1"),
        max_value=24 * 60,
        decimal_places=1,
        required=False,
        help_text="Whoever has not got it by then is skipped. Empty: no limit.",
    )
    priority = forms.ChoiceField(label="Priority", choices=Priority.choices, required=False)
    holdout = forms.IntegerField(
        label="Percent of the audience who get nothing",
        min_value=0,
        max_value=50,
        required=False,
        help_text="Drawn by lot. The report compares the others with them.",
    )
    goal_event = forms.CharField(
        label="Event that it is to bring about",
        max_length=200,
        required=False,
        help_text="One that your programs report, such as an order. Empty: choose one in the report.",
        widget=forms.TextInput(attrs={"list": "known-events", "autocomplete": "off", "spellcheck": "false"}),
    )
    goal_days = forms.IntegerField(
        label="Days in which it counts",
        min_value=1,
        max_value=90,
        required=False,
        help_text="After the last message is out.",
    )

    @staticmethod
    def initial_for(campaign: Campaign, zone: str) -> dict[str, Any]:
        repeat = campaign.repeat or {}
        initial: dict[str, Any] = {
            "mode": "now",
            "zone": zone,
            "own_zones": campaign.own_zones,
            "if_past": campaign.if_past,
            "every": repeat.get("every", ""),
            "weekdays": repeat.get("weekdays", []),
            "month_day": repeat.get("day"),
            "ends": "until" if repeat.get("until") else "runs" if repeat.get("runs") else "never",
            "until": repeat.get("until"),
            "runs": repeat.get("runs"),
            "pace": campaign.pace,
            "hours": round(Decimal(campaign.expires_after) / 60, 1) if campaign.expires_after else None,
            "priority": campaign.priority,
            "holdout": campaign.holdout or None,
            "goal_event": campaign.goal_event,
            "goal_days": campaign.goal_days,
        }
        if campaign.send_at is not None:
            local = campaign.send_at.astimezone(ZoneInfo(campaign.time_zone))
            initial |= {"mode": "later", "day": local.date(), "clock": local.time(), "zone": campaign.time_zone}
        return initial

    def changes(self) -> dict[str, Any]:
        data, later = self.cleaned_data, self.cleaned_data["mode"] == "later"
        return {
            "send_at": data["send_at"],
            "time_zone": data["zone"],
            "own_zones": later and data["own_zones"],
            "if_past": data["if_past"] or IfPast.SEND,
            "repeat": data["repeat"] if later else None,
            "pace": data["pace"],
            "expires_after": int(data["hours"] * 60) if data["hours"] else None,
            "priority": data["priority"] or Priority.NORMAL,
            "holdout": data["holdout"] or 0,
            "goal_event": data["goal_event"],
            "goal_days": data["goal_days"] or Campaign._meta.get_field("goal_days").default,
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["send_at"] = data["repeat"] = None
        if data.get("mode") == "later" and not self.errors:
            if not (data.get("day") and data.get("clock")):
                self.add_error("day" if not data.get("day") else "clock", "Choose a date and a time.")
                return data
            data["send_at"] = self._moment(data["day"], data["clock"], data["zone"])
            data["repeat"] = self._repeat(data) if data.get("every") else None
            if data["send_at"] and data["repeat"]:
                first = first_run(data["repeat"], data["send_at"], ZoneInfo(data["zone"]))
                if first is None:
                    self.add_error("until", "It would end before its first run.")
                data["send_at"] = first
        return data

    def _repeat(self, data: dict[str, Any]) -> dict[str, Any]:
        """What is not chosen follows from the date: its weekday, its day of the month."""
        repeat: dict[str, Any] = {"every": data["every"]}
        if data["every"] == "week":
            repeat["weekdays"] = data.get("weekdays") or [WEEKDAYS[data["day"].weekday()]]
        if data["every"] == "month":
            repeat["day"] = data.get("month_day") or data["day"].day
        end = data.get("ends")
        if end in {"until", "runs"}:
            if not data.get(end):
                self.add_error(end, "Say when it ends.")
            elif end == "until":
                repeat["until"] = data["until"].isoformat()
            else:
                repeat["runs"] = data["runs"]
        return repeat

    def _moment(self, day: date, clock: time, zone: str) -> datetime | None:
        """That time on the clocks of the zone. An hour that they skip is refused; of one they repeat, the first.

        With people's own zones in mind a time may be over here and still to come elsewhere.
        """
        now = timezone.now()
        try:
            moment = datetime.combine(day, clock, ZoneInfo(zone)).astimezone(ZoneInfo("UTC"))
        except OverflowError:
            self.add_error("day", "That date is too far away.")
            return None
        if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != datetime.combine(day, clock):
            self.add_error(
                "clock", f"Clocks in {zone} skip {clock:%H:%M} on that day: they go forward. Choose another."
            )
        elif (span_of(datetime.combine(day, clock))[1] if self.cleaned_data.get("own_zones") else moment) <= now:
            self.add_error("day", "That is in the past.")
        elif moment.year > now.year + 5:
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


class GoalForm(forms.Form):
    """What the report looks for among those who got it and those who did not."""

    goal = forms.CharField(
        label="Event",
        max_length=200,
        widget=forms.TextInput(
            attrs={"list": "known-events", "autocomplete": "off", "spellcheck": "false", "placeholder": "Event"}
        ),
    )
    days = forms.IntegerField(label="Days", min_value=1, max_value=90, required=False)


OWN = "own"


class TestForm(forms.Form):
    person = PersonField(label="As who", help_text="Whose attributes fill the message in.")
    address = forms.CharField(
        label="Send it to",
        required=False,
        max_length=1024,
        help_text="Another address than the person's own: yours, say.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, channel: str, told: Sequence[Told], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel = Channel(channel)
        if len(told) > 1:
            choices = [(each.key, f"{each.key.upper()} {each.name}") for each in told]
            self.fields["variant"] = forms.ChoiceField(label="Which variant", choices=choices)
        if codes := sorted({code for each in told for code in languages.told_in(each.content)}):
            choices = [
                (OWN, "The one they read"),
                ("", "Default"),
                *((code, language_name(code)) for code in codes),
            ]
            self.fields["language"] = forms.ChoiceField(label="In which language", choices=choices, required=False)

    def language(self) -> str | None:
        """Its code, or None for that of the person."""
        asked: str = self.cleaned_data.get("language", OWN)
        return None if asked == OWN else asked

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


class WriteToForm(forms.Form):
    """Of a draft that the page of some people asks for, besides its audience."""

    name = forms.CharField(max_length=200)
    channel = forms.ChoiceField(choices=CHANNEL_CHOICES)
    label = forms.ModelMultipleChoiceField(Label.objects.all(), required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["labels"] = data.pop("label", [])
        return data
