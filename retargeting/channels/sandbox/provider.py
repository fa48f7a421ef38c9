"""Delivers into the outbox page instead of the world: for demos, development and load tests."""

from __future__ import annotations

from collections.abc import Sequence

from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider, Result
from retargeting.channels.models import SandboxMessage
from retargeting.conditions.nodes import Channel


class SandboxProvider(Provider):
    key = "sandbox"
    label = "Sandbox (outbox page)"
    channels = frozenset(Channel)
    batch_size = 1000
    watched = False

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        rows = SandboxMessage.objects.bulk_create(
            SandboxMessage(
                delivery_id=message.delivery_id,
                orchestration_id=message.orchestration_id,
                profile_id=message.profile_id,
                channel=self.config.channel,
                address=message.address,
                content=dict(message.content),
            )
            for message in messages
        )
        return [Outcome(Result.ACCEPTED, provider_id=str(row.pk)) for row in rows]
