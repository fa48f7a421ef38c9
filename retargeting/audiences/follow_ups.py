"""From the people behind a number to the next message to them: what their page sends to where drafts are made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from retargeting.conditions import codec
from retargeting.conditions.nodes import Group
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import CHANNEL_CHOICES


def follow_up(name: str, audience: Group, *, labels: Sequence[Label] = ()) -> dict[str, Any]:
    """What `campaigns/follow_up_menu.html` needs, for a draft to whoever the audience is when it goes out."""
    return {
        "name": name,
        "audience": json.dumps(codec.encode(audience)),
        "labels": [label.pk for label in labels],
        "channels": [channel for channel, _ in CHANNEL_CHOICES],
    }
