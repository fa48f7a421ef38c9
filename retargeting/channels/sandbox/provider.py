"""Delivers into the outbox page instead of the world: for demos, development and load tests."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from retargeting.channels.adapter import Outcome, OutgoingMessage, Provider, Result
from retargeting.conditions.nodes import Channel

COPY = (
    "COPY channels_sandboxmessage"
    " (id, delivery_id, orchestration_id, profile_id, channel, address, content, created_at) FROM STDIN"
)
NEXT_IDS = "SELECT nextval(pg_get_serial_sequence('channels_sandboxmessage', 'id')) FROM generate_series(1, %s)"


class SandboxProvider(Provider):
    key = "sandbox"
    label = "Sandbox (outbox page)"
    channels = frozenset(Channel)
    batch_size = 2000
    watched = False

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        now, channel = timezone.now(), self.config.channel
        with connection.cursor() as cursor:
            cursor.execute(NEXT_IDS, [len(messages)])
            ids = [id for (id,) in cursor.fetchall()]
            with cursor.copy(COPY) as copy:
                for id, message in zip(ids, messages, strict=True):
                    content = json.dumps(dict(message.content), ensure_ascii=False)
                    copy.write_row(
                        (id, message.delivery_id, message.orchestration_id, message.profile_id, channel,
                         message.address, content, now)
                    )  # fmt: skip
        return [Outcome(Result.ACCEPTED, provider_id=str(id)) for id in ids]
