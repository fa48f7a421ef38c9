"""The questions: condition trees as the product's language writes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.events import PURCHASED
from benchmarks.world import DAY, World, micros
from retargeting.audiences.comparisons import SECONDS
from retargeting.conditions.nodes import Channel, Unit

Tree = dict[str, Any]

TOGETHER = ("news", "theme-04", "theme-09")
"""The three labels that are asked for together."""
STEP = ("first", "third")
"""The steps that are asked for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`words` is how the report calls it, `kind` what its message conditions are about."""

    name: str
    words: str
    kind: str
    tree: Tree
    as_of: datetime | None = None
    after: str | None = None
    """The shape of which this one differs by one row: also measured right after that one, with its rows kept."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What the questions are about, chosen from the world so that their answers are neither nobody nor everybody."""

    email: int
    """A mail that was sent about a month ago."""
    push: int
    """A push that was sent about a month ago."""
    recent: int
    """A mail of the last days."""
    automation: int

    @classmethod
    def of(cls, world: World) -> Targets:
        return cls(
            email=world.campaign_on(Channel.EMAIL, 32),
            push=world.campaign_on(Channel.PUSH, 40),
            recent=world.campaign_on(Channel.EMAIL, 3),
            automation=world.automations[0][0].orchestration,
        )


def shapes(world: World) -> list[Shape]:
    return [*_single(world), *_trees(world)]


def _single(world: World) -> Iterator[Shape]:
    """One message condition each: the six of the design first."""
    on, now = Targets.of(world), world.until
    mail, anything, promo = _channel("email"), {"type": "any"}, _label("promo")
    first, both = _step(on.automation, *STEP[:1]), _step(on.automation, *STEP)
    dates = {"from": _iso(now - timedelta(days=62)), "to": _iso(now - timedelta(days=21))}
    between = {"type": "last_event", "operator": "between", **dates}
    few = {"type": "count", "operator": "at_most", "value": 1}
    dormant = {"type": "last_event", "operator": "more_than_ago", "amount": 45, "unit": "day"}
    month, hours = _since(3, 30, "day"), _since(2, 36, "hour")
    for name, words, event, target, test in (
        ("opened_campaign", "opened a campaign", "opened", _campaign(on.email), _did()),
        ("not_opened", "was sent a campaign and did not open it", "opened", _campaign(on.email), _did(False)),
        ("opens_30_days", "3 or more opens of mail in 30 days", "opened", mail, month),
        ("last_open_15_days", "last open of a push less than 15 days ago", "opened", _channel("push"), _last(15)),
        ("sends_of_label", "5 or more sends with a label of 20 campaigns", "sent", promo, _count(5)),
        ("opens_ever", "10 or more opens of mail, ever", "opened", mail, _count(10)),
        ("last_open_between", "last open of mail between two dates", "opened", mail, between),
        ("opens_36_hours", "2 or more opens of mail in 36 hours", "opened", mail, hours),
        ("three_labels", "4 or more opens with three labels together", "opened", _label(*TOGETHER), _count(4)),
        ("few_of_label", "at most 1 send with a label, or none", "sent", promo, few),
        ("step_not_opened", "was sent a step and did not open it", "opened", first, _did(False)),
        ("step_opens", "2 or more opens of two steps", "opened", both, _count(2)),
        ("dormant", "last open of anything more than 45 days ago", "opened", anything, dormant),
        ("any_sends", "20 or more sends of anything in 30 days", "sent", anything, _since(20, 30, "day")),
    ):
        yield Shape(name, words, str(target["type"]), _all(_message(event, target, test)))
    tree = _all(_message("opened", mail, month))
    words = "3 or more opens of mail in 30 days, as of last month"
    yield Shape("last_month", words, "channel", tree, as_of=now - timedelta(days=31, hours=5))


def _trees(world: World) -> Iterator[Shape]:
    on = Targets.of(world)
    yield Shape("five_rows", "five rows: mail, campaign, two attributes, an event", "mixed", _five_rows(on, 30))
    changed = "the same five rows, one of them changed"
    yield Shape("five_rows_changed", changed, "mixed", _five_rows(on, 14), after="five_rows")
    of_five = [
        _message("opened", _campaign(on.email), _did()),
        _message("opened", _campaign(on.push), _did()),
        _message("clicked", _channel("email"), _since(1, 30, "day")),
        _message("opened", _label("news"), _count(2)),
        _message("sent", _channel("sms"), _since(1, 60, "day")),
    ]
    tree = {"match": "at_least", "at_least": 2, "conditions": of_five}
    yield Shape("two_of_five", "at least 2 of 5 message conditions", "mixed", tree)
    nothing = {
        "match": "none",
        "conditions": [
            _message("bounced", _channel("email"), _did()),
            _message("clicked", {"type": "any"}, _since(1, 30, "day")),
            _message("sent", _campaign(on.recent), _did()),
        ],
    }
    some = {
        "match": "any",
        "conditions": [
            _message("opened", _label("promo"), _count(3)),
            {"kind": "list", "id": 1, "member": True},
        ],
    }
    tree = _all(some, nothing, {"kind": "reachable", "channel": "email", "value": True})
    yield Shape("none_of", "any of two, none of three, and reachable", "mixed", tree)
    yield Shape("bought_twice", "2 or more purchases of 40 and above in 90 days", "event", _all(_bought(40, 2)))


def _five_rows(on: Targets, days: int) -> Tree:
    return _all(
        _message("opened", _channel("email"), _since(2, days, "day")),
        _message("opened", _campaign(on.recent), _did(False)),
        {"kind": "attribute", "attribute": "country", "operator": "one_of", "value": ["FR", "DE", "ES"]},
        {"kind": "attribute", "attribute": "tags", "operator": "has_not", "value": "vip"},
        _bought(20, 1),
    )


def _bought(value: int, times: int) -> Tree:
    where = [{"property": "value", "operator": "at_least", "value": value}]
    return {"kind": "event", "event": PURCHASED, "where": where, "test": _since(times, 90, "day")}


def _all(*conditions: Tree) -> Tree:
    return {"match": "all", "conditions": list(conditions)}


def _message(event: str, target: Tree, test: Tree) -> Tree:
    return {"kind": "message", "event": event, "target": target, "test": test}


def _campaign(*ids: int) -> Tree:
    return {"type": "campaign", "ids": list(ids)}


def _channel(*names: str) -> Tree:
    return {"type": "channel", "channels": list(names)}


def _label(*codes: str) -> Tree:
    return {"type": "label", "codes": list(codes)}


def _step(automation: int, *keys: str) -> Tree:
    return {"type": "step", "automation": automation, "keys": list(keys)}


def _did(value: bool = True) -> Tree:
    return {"type": "occurred", "value": value}


def _count(value: int) -> Tree:
    return {"type": "count", "operator": "at_least", "value": value}


def _since(value: int, amount: int, unit: str) -> Tree:
    return {"type": "count_since", "operator": "at_least", "value": value, "amount": amount, "unit": unit}


def _last(days: int) -> Tree:
    return {"type": "last_event", "operator": "less_than_ago", "amount": days, "unit": "day"}


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def cut_days(world: World) -> set[int]:
    """The days (numbers since 1970) that the edges of the shapes' windows of message events fall into."""
    days = set()
    for shape in shapes(world):
        now = micros(shape.as_of or world.until)
        days.add(now // DAY)
        for node in _walk(shape.tree):
            test = node.get("test", {}) if node.get("kind") == "message" else {}
            if "amount" in test:
                days.add((now - test["amount"] * SECONDS[Unit(test["unit"])] * 1_000_000) // DAY)
            days |= {micros(datetime.fromisoformat(test[key])) // DAY for key in ("from", "to") if key in test}
    return days


def _walk(node: Tree) -> Iterator[Tree]:
    yield node
    for child in node.get("conditions", []):
        yield from _walk(child)
