from __future__ import annotations

import pytest

from campaigns.actions import create_campaign
from campaigns.models import Campaign

CONTENT = {"subject": "Spring sale", "html": "<p>It is on. <a href='https://shop.example/'>Look</a></p>"}


@pytest.fixture
def campaign(db, marketer) -> Campaign:
    """A draft that could go out as it is."""
    return create_campaign(actor=marketer, name="Spring sale", channel="email", content=CONTENT)
