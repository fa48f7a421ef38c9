"""The calls that write, outside the transaction that other tests run in: what needs one must open it itself."""

from __future__ import annotations

import pytest

from campaigns.models import Campaign
from retargeting.orchestrations.models import Label

pytestmark = pytest.mark.django_db(transaction=True)

EVERYONE = {"match": "all", "conditions": []}


def test_every_writing_call_works_without_a_transaction_around_it(program):
    profile = {"external_id": "ana", "addresses": [{"channel": "email", "address": "ana@example.com"}]}
    assert program.post("/profiles/bulk/", {"profiles": [profile]}).json()["created"] == 1
    assert program.patch("/profiles/ana/", {"attributes": {"country": "FR"}}).status_code == 200
    assert program.post("/labels/", {"code": "promo", "name": "Promo"}).status_code == 201
    assert program.post("/lists/", {"name": "Fans"}).status_code == 201
    assert program.post("/segments/", {"name": "All", "audience": EVERYONE}).status_code == 201
    body = {"name": "Sale", "channel": "email", "labels": ["promo"], "message": {"subject": "Hi", "text": "Yo"}}
    campaign = program.post("/campaigns/", body).json()["id"]
    for verb in ("test", "launch", "pause", "resume", "cancel"):
        answer = program.post(f"/campaigns/{campaign}/{verb}/", {"profile": "ana"} if verb == "test" else None)
        assert answer.status_code == 200, (verb, answer.content)
    event = {"id": "1", "profile": "ana", "event": "bought"}
    assert program.post("/events/bulk/", {"events": [event]}).json()["accepted"] == 1
    opened = {"id": "1", "profile": "ana", "event": "opened", "campaign": campaign}
    assert program.post("/interactions/bulk/", {"interactions": [opened]}).json()["accepted"] == 1
    assert program.post("/audiences/count/", {"audience": EVERYONE}).json()["count"] == 1
    assert program.delete("/profiles/ana/").status_code == 204
    assert program.delete(f"/campaigns/{campaign}/").status_code == 204
    assert Campaign.objects.get().archived_at is not None
    assert Label.objects.count() == 1
