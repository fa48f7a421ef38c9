"""The same questions in SQL over columns, for DuckDB and ClickHouse: one text serves both.

The tables are those of `columns`: moments are whole microseconds, amounts cents, numbers of channels and events those
of the product. Ids of labels and steps are written out, as an analyst would look them up first: so both can leave out
what lies elsewhere. Each text gives the ids of the people once.
"""

from __future__ import annotations

from benchmarks.events import CUSTOM_NAMES, PURCHASED
from benchmarks.shapes import STEP, TOGETHER, Targets
from benchmarks.world import DAY, HOUR, World, channel_code
from retargeting.conditions.nodes import Channel, Interaction
from retargeting.interactions.models import EVENT_CODES

SENT, OPENED, CLICKED, BOUNCED = (
    f"event = {EVENT_CODES[event]}"
    for event in (Interaction.SENT, Interaction.OPENED, Interaction.CLICKED, Interaction.BOUNCED)
)
EMAIL, PUSH, SMS = (f"channel = {channel_code(name)}" for name in (Channel.EMAIL, Channel.PUSH, Channel.SMS))
BY_HAND = "machine = 0"


def texts(world: World) -> dict[str, str]:
    on, now = Targets.of(world), world.end
    email, push, recent = (f"orchestration_id = {id}" for id in (on.email, on.push, on.recent))
    promo, news = _labelled(world, "promo"), _labelled(world, "news")
    first, both = _steps(world, on.automation, *STEP[:1]), _steps(world, on.automation, *STEP)
    month_ago = now - 31 * DAY - 5 * HOUR
    last_month = f"occurred_at > {month_ago - 30 * DAY} AND occurred_at <= {month_ago}"
    return {
        "opened_campaign": _with(OPENED, BY_HAND, email),
        "not_opened": _but(_with(SENT, email), _with(OPENED, BY_HAND, email)),
        "opens_30_days": _often(3, OPENED, BY_HAND, EMAIL, _since(now - 30 * DAY)),
        "last_open_15_days": _with(OPENED, BY_HAND, PUSH, _since(now - 15 * DAY)),
        "sends_of_label": _often(5, SENT, promo),
        "opens_ever": _often(10, OPENED, BY_HAND, EMAIL),
        "last_open_between": _with(OPENED, BY_HAND, EMAIL, f"occurred_at >= {now - 62 * DAY}")
        + f" HAVING max(occurred_at) < {now - 21 * DAY}",
        "opens_36_hours": _often(2, OPENED, BY_HAND, EMAIL, _since(now - 36 * HOUR)),
        "three_labels": _often(4, OPENED, BY_HAND, _labelled(world, *TOGETHER)),
        "few_of_label": f"SELECT id FROM profiles WHERE id NOT IN ({_often(2, SENT, promo)})",
        "step_not_opened": _but(_with(SENT, first), _with(OPENED, BY_HAND, first)),
        "step_opens": _often(2, OPENED, BY_HAND, both),
        "dormant": _with(OPENED, BY_HAND) + f" HAVING max(occurred_at) <= {now - 45 * DAY}",
        "any_sends": _often(20, SENT, _since(now - 30 * DAY)),
        "last_month": _often(3, OPENED, BY_HAND, EMAIL, last_month),
        "five_rows": _five_rows(30, recent, now),
        "five_rows_changed": _five_rows(14, recent, now),
        "two_of_five": _two_of(
            _with(OPENED, BY_HAND, email),
            _with(OPENED, BY_HAND, push),
            _with(CLICKED, BY_HAND, EMAIL, _since(now - 30 * DAY)),
            _often(2, OPENED, BY_HAND, news),
            _with(SENT, SMS, _since(now - 60 * DAY)),
        ),
        "none_of": (
            f"SELECT id FROM profiles WHERE (id IN ({_often(3, OPENED, BY_HAND, promo)})"
            f" OR id IN (SELECT profile_id FROM list_members))"
            f" AND id IN (SELECT profile_id FROM usable WHERE {EMAIL})"
            f" AND id NOT IN ({_with(BOUNCED, EMAIL)})"
            f" AND id NOT IN ({_with(CLICKED, BY_HAND, _since(now - 30 * DAY))})"
            f" AND id NOT IN ({_with(SENT, recent)})"
        ),
        "bought_twice": f"{_bought(40, now)} HAVING count(*) >= 2",
    }


def _with(*conditions: str) -> str:
    return f"SELECT profile_id FROM messages WHERE {' AND '.join(conditions)} GROUP BY profile_id"


def _often(times: int, *conditions: str) -> str:
    return f"{_with(*conditions)} HAVING count(*) >= {times}"


def _but(people: str, others: str) -> str:
    return f"SELECT profile_id FROM ({people}) AS people WHERE profile_id NOT IN ({others})"


def _two_of(*parts: str) -> str:
    together = " UNION ALL ".join(f"SELECT profile_id FROM ({part}) AS part" for part in parts)
    return f"SELECT profile_id FROM ({together}) AS parts GROUP BY profile_id HAVING count(*) >= 2"


def _five_rows(days: int, recent: str, now: int) -> str:
    return (
        "SELECT id FROM profiles WHERE country IN ('FR', 'DE', 'ES') AND NOT has(tags, 'vip')"
        f" AND id IN ({_often(2, OPENED, BY_HAND, EMAIL, _since(now - days * DAY))})"
        f" AND id IN ({_with(SENT, recent)}) AND id NOT IN ({_with(OPENED, BY_HAND, recent)})"
        f" AND id IN ({_bought(20, now)})"
    )


def _bought(value: int, now: int) -> str:
    return (
        f"SELECT profile_id FROM events WHERE name = {CUSTOM_NAMES.index(PURCHASED)} AND cents >= {value * 100}"
        f" AND {_since(now - 90 * DAY)} GROUP BY profile_id"
    )


def _since(moment: int) -> str:
    return f"occurred_at > {moment}"


def _labelled(world: World, *codes: str) -> str:
    ids = sorted({id for code in codes for id in world.labels[code]})
    return f"orchestration_id IN ({', '.join(map(str, ids))})"


def _steps(world: World, automation: int, *keys: str) -> str:
    messages = next(steps for steps in world.automations if steps[0].orchestration == automation)
    ids = [str(message.step) for message in messages if message.key in keys]
    return f"orchestration_id = {automation} AND step_id IN ({', '.join(ids)})"
