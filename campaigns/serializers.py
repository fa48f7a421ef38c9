"""What campaigns look like in the API, and what it takes for them."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.forms import FEWEST_A_MINUTE
from campaigns.models import Campaign, IfPast, WinnerBy
from campaigns.presence import Presence
from campaigns.trial import Result
from campaigns.variants import told_of
from retargeting.api.errors import Unprocessable
from retargeting.api.serializers import StrictSerializer
from retargeting.audiences import references
from retargeting.audiences.answers import ExplanationSerializer, answer_of
from retargeting.audiences.api import MomentField, TreeField
from retargeting.conditions import codec
from retargeting.conditions.wording import sentence
from retargeting.messaging import content
from retargeting.messaging.models import Delivery, Priority
from retargeting.messaging.recurring import RepeatError, check_repeat
from retargeting.messaging.settling import Decision
from retargeting.orchestrations.serializers import LabelsField
from retargeting.profiles.models import CHANNEL_CHOICES

MOST_YEARS_AHEAD = 5


class SendAtField(MomentField):
    """A time with its zone that somebody can mean: the last hours of year 9999 are none on the clocks of other zones,
    and no page could show them."""

    def to_internal_value(self, data: Any) -> Any:
        moment = super().to_internal_value(data)
        if moment.year > timezone.now().year + MOST_YEARS_AHEAD:
            raise serializers.ValidationError(f"This is more than {MOST_YEARS_AHEAD} years away.")
        return moment


class RepeatField(serializers.JSONField):
    """{"every": "day"}, {"every": "week", "weekdays": ["mon"]} or {"every": "month", "day": 31}; "until", "runs"."""

    def to_internal_value(self, data: Any) -> Any:
        repeat = super().to_internal_value(data)
        try:
            check_repeat(repeat)
        except RepeatError as error:
            raise serializers.ValidationError({error.key: str(error)} if error.key else str(error)) from error
        return repeat


class ScheduleSerializer(StrictSerializer):
    send_at = SendAtField(required=False, allow_null=True, help_text="When it goes out; null means at launch.")
    time_zone = serializers.CharField(required=False, help_text="On whose clocks it repeats. Such as Europe/Paris.")
    own_zones = serializers.BooleanField(
        required=False, help_text="At the time that `send_at` is in `time_zone`, in each person's own zone."
    )
    if_past = serializers.ChoiceField(
        required=False, choices=IfPast.choices, help_text="Where that time is over for more than an hour."
    )
    repeat = RepeatField(required=False, allow_null=True)
    pace = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=FEWEST_A_MINUTE,
        max_value=10_000_000,
        help_text="Messages a minute.",
    )
    expires_after = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=86_400, help_text="Minutes; later nothing is sent."
    )

    def validate_time_zone(self, name: str) -> str:
        if name not in available_timezones():
            raise serializers.ValidationError("There is no such time zone.")
        return name


class ScheduleAtSerializer(StrictSerializer):
    send_at = SendAtField(required=False, allow_null=True, help_text="If empty, the time that it has.")


class GraceSerializer(StrictSerializer):
    grace = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=600, help_text="Seconds in which it can be undone."
    )


class DecisionSerializer(StrictSerializer):
    decision = serializers.ChoiceField(choices=Decision.choices)
    deliveries = serializers.ListField(
        required=False,
        child=serializers.IntegerField(min_value=1),
        max_length=10_000,
        help_text="Ids; all if left out.",
    )


class DecidedSerializer(serializers.Serializer[Any]):
    deliveries = serializers.IntegerField(help_text="How many it was done to.")


class ProgressSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    matched = serializers.IntegerField(allow_null=True, help_text="Null until the audience has been worked out.")
    sent = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    uncertain = serializers.IntegerField()
    sending = serializers.IntegerField(help_text="With the provider at this moment.")
    later = serializers.IntegerField(help_text="Put off, or to be tried again.")
    waiting = serializers.IntegerField(help_text="Who may still get it, `sending` and `later` included.")
    stopped = serializers.IntegerField(help_text="Of one that is paused or canceled: who has not got it.")
    held_until = serializers.DateTimeField(allow_null=True, help_text="Until then its launch can be undone.")


class VariantSerializer(StrictSerializer):
    """One of the messages. Without `key` it is a new one; the original has the key a."""

    key = serializers.CharField(required=False, max_length=1)
    name = serializers.CharField(max_length=60)
    weight = serializers.IntegerField(min_value=1, max_value=100, help_text="Percent of those who try; 100 in all.")
    message = serializers.JSONField(source="content", help_text="The fields of the channel's message.")


class TrialSerializer(StrictSerializer):
    """How the variants are tried."""

    share = serializers.IntegerField(
        source="test_share",
        required=False,
        min_value=1,
        max_value=100,
        help_text="Percent of the audience who try the variants; the others get the winner. 100: everybody tries.",
    )
    winner_by = serializers.ChoiceField(required=False, choices=WinnerBy.choices)
    winner_after = serializers.IntegerField(
        required=False, min_value=1, max_value=43_200, help_text="Minutes after the last test message."
    )


class GoalSerializer(StrictSerializer):
    """The event that the campaign is to bring about; the report compares with those who were held out."""

    event = serializers.CharField(source="goal_event", required=False, allow_blank=True, max_length=200)
    days = serializers.IntegerField(source="goal_days", required=False, min_value=1, max_value=90)


class WinnerSerializer(StrictSerializer):
    variant = serializers.CharField(required=False, help_text="Its key; if left out, the numbers decide.")


class CampaignSerializer(StrictSerializer):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200)
    channel = serializers.ChoiceField(choices=CHANNEL_CHOICES)
    labels = LabelsField(required=False, help_text="Their codes.")
    audience = TreeField(required=False, help_text="A tree in the language of conditions; everyone if left out.")
    message = serializers.JSONField(source="content", required=False, help_text="The fields of the channel's message.")
    variants = serializers.SerializerMethodField()
    trial = TrialSerializer(source="*", required=False)
    goal = GoalSerializer(source="*", required=False)
    schedule = ScheduleSerializer(source="*", required=False)
    priority = serializers.ChoiceField(required=False, choices=Priority.choices)
    holdout = serializers.IntegerField(
        required=False, min_value=0, max_value=50, help_text="Percent of the audience who get nothing, to compare."
    )
    status = serializers.CharField(read_only=True)
    sentence = serializers.SerializerMethodField()
    archived = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)
    launched_at = serializers.DateTimeField(read_only=True)
    follow_up_of = serializers.IntegerField(source="follow_up_of_id", read_only=True, help_text="Id of a campaign.")

    def get_sentence(self, campaign: Campaign) -> str:
        tree = codec.decode(campaign.audience)
        return str(sentence(tree, references.look_up(tree)))

    @extend_schema_field(VariantSerializer(many=True))
    def get_variants(self, campaign: Campaign) -> Any:
        return VariantSerializer(told_of(campaign), many=True).data

    def get_archived(self, campaign: Campaign) -> bool:
        return campaign.archived_at is not None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        channel = attrs["channel"] if self.instance is None else attrs.get("channel", self.instance.channel)
        if "content" in attrs and (errors := content.check(channel, attrs["content"], complete=False)):
            raise Unprocessable(
                (f"/message/{error.field}" if error.field else "/message", error.message) for error in errors
            )
        return attrs


class OutcomeSerializer(StrictSerializer):
    outcome = serializers.CharField(help_text="Such as sent_not_opened; the report names those of a campaign.")
    by = serializers.CharField(required=False, help_text="Only the people of one row of a breakdown: its trait.")
    value = serializers.CharField(required=False, allow_blank=True, max_length=1024, help_text="And its value.")


class TestSerializer(StrictSerializer):
    profile = serializers.CharField(help_text="External id of the person whose values are filled in.")
    address = serializers.CharField(required=False, help_text="Send there instead of to the person's own address.")
    variant = serializers.CharField(required=False, max_length=1, help_text="Its key; the original if left out.")


class SliceSerializer(serializers.Serializer[Any]):
    """The people of one value of a trait."""

    value = serializers.CharField()
    name = serializers.CharField()
    people = serializers.DictField(child=serializers.IntegerField(), help_text="By outcome.")


class ResultSerializer(serializers.Serializer[Any]):
    """One variant of the last run, among those who tried it."""

    key = serializers.CharField()
    name = serializers.CharField()
    weight = serializers.IntegerField()
    sent = serializers.IntegerField()
    people = serializers.SerializerMethodField(help_text="By measure: opened, clicked.")
    chance = serializers.DictField(
        source="chances",
        child=serializers.FloatField(allow_null=True),
        help_text="To beat the original, by measure; null of the original, and where too few people have it.",
    )
    winner = serializers.BooleanField(source="is_winner")

    def get_people(self, result: Result) -> dict[str, int]:
        return {measure: rate.hits for measure, rate in result.rates.items()}


class AskedGoalSerializer(serializers.Serializer[Any]):
    goal = serializers.CharField(required=False, max_length=200)
    days = serializers.IntegerField(required=False, min_value=1, max_value=90)


class RateSerializer(serializers.Serializer[Any]):
    people = serializers.IntegerField()
    hits = serializers.IntegerField(help_text="Of these, people who did it.")


class ComparisonSerializer(serializers.Serializer[Any]):
    """Those who were to get it against one group that was not."""

    group = serializers.CharField(source="key", help_text="holdout or control_group.")
    rate = RateSerializer()
    difference = serializers.FloatField(source="lift.difference.value", help_text="Of the shares, 0 to 1.")
    low = serializers.FloatField(source="lift.difference.low", help_text="Ends of its 95 % interval.")
    high = serializers.FloatField(source="lift.difference.high")
    needed = serializers.IntegerField(
        source="lift.needed", allow_null=True, help_text="More people for a difference of this size to show."
    )


class LiftSerializer(serializers.Serializer[Any]):
    goal = serializers.CharField(source="goal.event")
    days = serializers.IntegerField(source="goal.days")
    starts = serializers.DateTimeField()
    ends = serializers.DateTimeField(allow_null=True, help_text="Null while it still goes out.")
    rate = RateSerializer(help_text="Of those who were to get it.")
    comparisons = ComparisonSerializer(many=True)


class FiguresSerializer(serializers.Serializer[Any]):
    matched = serializers.IntegerField()
    people = serializers.DictField(child=serializers.IntegerField(), help_text="By outcome.")
    events = serializers.DictField(child=serializers.IntegerField(), help_text="How often each happened.")
    deliveries = serializers.DictField(child=serializers.IntegerField(), help_text="By status.")
    skips = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    waiting = serializers.IntegerField()


class ReportSerializer(FiguresSerializer):
    variants = ResultSerializer(many=True, help_text="Of the last run; empty where it had one message for all.")
    decision = serializers.CharField(help_text="How the winner was chosen; empty while there is none.")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    profile = serializers.SerializerMethodField(help_text="External id; null once the person is erased.")

    class Meta:
        model = Delivery
        fields = [
            "id", "profile", "address", "variant", "provider", "status", "reason", "detail", "attempt",
            "created_at", "updated_at",
        ]  # fmt: skip

    def get_profile(self, delivery: Delivery) -> str | None:
        names: dict[int, str] = self.context["external_ids"]
        return names.get(delivery.profile_id)


class PresenceSerializer(serializers.Serializer[Any]):
    run = serializers.IntegerField(source="run.number", help_text="The last run of the campaign.")
    as_of = serializers.DateTimeField(allow_null=True, help_text="The moment its audience was worked out for.")
    member = serializers.BooleanField(source="was_in", allow_null=True, help_text="Null until that moment.")
    sentence = serializers.CharField(source="verdict")
    delivery = serializers.SerializerMethodField()
    explanation = serializers.SerializerMethodField()
    as_now = serializers.ListField(help_text="What the explanation knows only as it is now, and not as it was then.")

    @extend_schema_field(DeliverySerializer(allow_null=True))
    def get_delivery(self, found: Presence) -> dict[str, Any] | None:
        names = {found.profile.pk: found.profile.external_id}
        return DeliverySerializer(found.delivery, context={"external_ids": names}).data if found.delivery else None

    @extend_schema_field(ExplanationSerializer(allow_null=True))
    def get_explanation(self, found: Presence) -> dict[str, Any] | None:
        return answer_of(found.explanation, past=True) if found.explanation else None
