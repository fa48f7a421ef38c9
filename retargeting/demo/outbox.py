"""The last messages of each channel in the sandbox's outbox, as its provider would have left them there."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.models import Campaign
from retargeting.channels.models import SandboxMessage
from retargeting.messaging.languages import localized
from retargeting.messaging.models import Delivery, DeliveryStatus, Dispatch
from retargeting.messaging.rendering import render, values_for
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Profile

RUNS, MESSAGES = 6, 40


def fill_outbox(campaigns: Iterable[Campaign]) -> None:
    """The outbox of a real run holds everything; here the end of the last runs is enough to look at."""
    dispatches = Dispatch.objects.filter(orchestration__in=[campaign.pk for campaign in campaigns])
    for dispatch in reversed(dispatches.select_related("orchestration").order_by("-started_at")[:RUNS]):
        sent = Delivery.objects.filter(dispatch=dispatch, status=DeliveryStatus.SENT).order_by("-pk")[:MESSAGES]
        deliveries = list(reversed(sent))
        people = Profile.objects.in_bulk([delivery.profile_id for delivery in deliveries])
        made = SandboxMessage.objects.bulk_create(
            SandboxMessage(
                delivery_id=delivery.pk,
                orchestration_id=dispatch.orchestration_id,
                profile_id=delivery.profile_id,
                channel=dispatch.channel,
                address=delivery.address,
                content=_content(dispatch, people[delivery.profile_id]),
            )
            for delivery in deliveries
        )
        moments = {delivery.pk: delivery.updated_at for delivery in deliveries}
        for message in made:
            message.created_at = moments[message.delivery_id or 0]
        SandboxMessage.objects.bulk_update(made, ["created_at"])


def _content(dispatch: Dispatch, person: Profile) -> dict[str, str]:
    words = localized(dispatch.channel, dispatch.content, person.language)
    values = values_for(person.attributes, person.external_id, person.language, dispatch.orchestration.name)
    return render(dispatch.channel, words, values, Recipient(dispatch.pk, person.pk)).content
