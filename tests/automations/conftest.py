from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from automations import actions, publishing
from automations.engine.entering import Candidate, Door, enter
from automations.engine.running import move_due
from automations.graph import codec
from automations.models import Automation, Journey
from automations.versions import current_of
from retargeting.messaging import sending
from retargeting.messaging.models import Chunk, ChunkStatus, Delivery
from retargeting.profiles.models import Address, Profile


class Town:
    """People with every channel, an automation or two, and what the processes do, without them."""

    def people(self, number: int, **attributes: Any) -> list[Profile]:
        first = Profile.objects.count()
        found = Profile.objects.bulk_create(
            Profile(external_id=f"p{first + index}", attributes=dict(attributes)) for index in range(number)
        )
        Address.objects.bulk_create(
            Address(profile=profile, channel=channel, address=f"{profile.external_id}@{channel}.example.com")
            for profile in found
            for channel in ("push", "email")
        )
        return found

    def automation(self, definition: Callable[[int], dict[str, Any]] | dict[str, Any]) -> Automation:
        """Published; `definition` may be made from the id."""
        automation = actions.create_automation(actor=None, name="Cart")
        data = definition(automation.pk) if callable(definition) else definition
        actions.save_draft(
            actor=None, automation=automation, definition=codec.decode({"trigger": {"type": "api"}, **data})
        )
        publishing.publish(actor=None, automation=automation)
        automation.refresh_from_db()
        return automation

    def door(self, automation: Automation) -> Door:
        version = current_of(automation)
        assert version is not None
        return Door(automation.pk, version.pk)

    def enter(self, automation: Automation, *people: Profile, **more: Any) -> int:
        now = timezone.now()
        return enter(self.door(automation), [Candidate(profile.pk, now, **more) for profile in people])

    def move(self) -> int:
        """Until nobody is due any more."""
        moved = 0
        while step := move_due().journeys:
            moved += step
        return moved

    def send(self) -> None:
        for chunk in Chunk.objects.exclude(status=ChunkStatus.DONE):
            sending.send_chunk(chunk_id=chunk.pk)

    def got(self, profile: Profile) -> list[str]:
        """The keys of the steps whose messages somebody was sent, in their order."""
        sent = Delivery.objects.filter(profile_id=profile.pk, status="sent").order_by("created_at")
        return list(sent.values_list("dispatch__step__key", flat=True))

    def at(self, automation: Automation) -> dict[str, str]:
        """Where each is: the step they wait at, or why their last journey is over."""
        names = dict(Profile.objects.values_list("pk", "external_id"))
        journeys = Journey.objects.filter(automation=automation).order_by("lap")
        return {names[each.profile_id]: each.step if each.status == "waiting" else each.ending for each in journeys}


@pytest.fixture
def town(db: None) -> Town:
    return Town()
