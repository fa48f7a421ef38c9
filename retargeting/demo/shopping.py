"""Custom events of the sample data: visits, carts and purchases in the shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from retargeting.demo.habits import mood, offsets
from retargeting.demo.identifiers import uuids
from retargeting.demo.people import (
    DAY,
    HISTORY_DAYS,
    HOUR,
    MINUTE,
    SECOND,
    Ints,
    Mask,
    People,
    microseconds,
    moment_of,
)
from retargeting.interactions.ingest import CustomEventRow

# What there is to buy: name, usual price.
PRODUCTS = {
    "jackets": (("Rain shell", 189), ("Down jacket", 249), ("Fleece", 79)),
    "shoes": (("Trail runners", 129), ("Hiking boots", 199), ("Sandals", 69)),
    "tents": (("Two-person tent", 349), ("Tarp", 89)),
    "bikes": (("Handlebar bag", 65), ("Bike light", 39), ("Frame bag", 85)),
    "rucksacks": (("Daypack", 75), ("Trekking pack 55", 179)),
    "cooking": (("Stove", 59), ("Titanium pot", 45), ("Coffee press", 29)),
    "climbing": (("Harness", 69), ("Rope 60 m", 159)),
}
CATEGORIES = tuple(PRODUCTS)
VISITED, ADDED, PURCHASED, SIGNED_UP = "visited", "added_to_cart", "purchase", "signed_up"
BUYS = 0.42
"""Of the carts that are filled."""


@dataclass
class Shopping:
    """Every cart, in order of time, with the moment of the purchase that emptied it, if it was; and all rows."""

    rows: list[CustomEventRow]
    cart_who: Ints
    cart_at: Ints
    cart_value: np.ndarray[Any, np.dtype[np.float64]]
    purchase_who: Ints
    purchase_at: Ints


def go_shopping(rng: np.random.Generator, people: People, ids: Ints, now: datetime) -> Shopping:
    """A history of visits; every third fills a cart, and less than half of the carts are bought."""
    end = microseconds(now)
    start = np.maximum(people.joined, end - HISTORY_DAYS * DAY)
    who = np.repeat(np.arange(people.size), rng.poisson(people.activity * (end - start) / (HISTORY_DAYS * DAY)))
    at = start[who] + (rng.random(len(who)) * (end - start[who])).astype(np.int64)
    local = (at + offsets(people, end // DAY)[people.zone[who]]) % DAY / HOUR
    at += ((people.hour[who] + rng.normal(0, 2.5, len(who)) - local) * HOUR).astype(np.int64)
    at, who = _within(at, who, (at >= start[who]) & (at < end) & (rng.random(len(who)) < mood(people, who, at)))
    fills = rng.random(len(who)) < 0.38
    cart_at = at + (rng.exponential(6, len(who)) * MINUTE).astype(np.int64) + 30 * SECOND
    buys = fills & (rng.random(len(who)) < BUYS)
    bought_at = cart_at + (rng.exponential(14, len(who)) * MINUTE).astype(np.int64) + MINUTE
    fills &= cart_at < end
    buys &= bought_at < end
    rows, values = _rows(rng, ids, who, (at, cart_at, bought_at), (fills, buys))
    rows += _sign_ups(rng, people, ids)
    order = np.flatnonzero(fills)
    return Shopping(rows, who[order], cart_at[order], values[order], who[buys], bought_at[buys])


def _within(at: Ints, who: Ints, keep: Mask) -> tuple[Ints, Ints]:
    order = np.argsort(at[keep], kind="stable")
    return at[keep][order], who[keep][order]


def _rows(
    rng: np.random.Generator, ids: Ints, who: Ints, moments: tuple[Ints, Ints, Ints], happened: tuple[Mask, Mask]
) -> tuple[list[CustomEventRow], np.ndarray[Any, np.dtype[np.float64]]]:
    """The visit, cart and purchase of each, with the same product in all three."""
    size = len(who)
    category, product = rng.integers(0, len(CATEGORIES), size), rng.integers(0, 1 << 20, size)
    quantity = np.where(rng.random(size) < 0.15, 2, 1)
    discount = rng.choice([1.0, 1.0, 0.9, 0.8, 0.7], size)
    keys = [uuids(rng, column) for column in moments]
    values = np.zeros(size)
    rows = []
    fills, buys = happened
    for i in range(size):
        name = CATEGORIES[category[i]]
        item, price = PRODUCTS[name][product[i] % len(PRODUCTS[name])]
        values[i] = round(price * quantity[i] * discount[i], 2)
        person, value = int(ids[who[i]]), float(values[i])
        seen: dict[str, Any] = {"category": name, "page": f"/{name}"}
        rows.append(CustomEventRow(keys[0][i], person, VISITED, seen, moment_of(moments[0][i])))
        if fills[i]:
            cart = {"category": name, "product": item, "quantity": int(quantity[i]), "value": value, "currency": "EUR"}
            rows.append(CustomEventRow(keys[1][i], person, ADDED, cart, moment_of(moments[1][i])))
            if buys[i]:
                order = {
                    "category": name,
                    "product": item,
                    "value": value,
                    "currency": "EUR",
                    "order": f"N-{100_000 + i}",
                }
                rows.append(CustomEventRow(keys[2][i], person, PURCHASED, order, moment_of(moments[2][i])))
    return rows, values


def _sign_ups(rng: np.random.Generator, people: People, ids: Ints) -> list[CustomEventRow]:
    new = np.flatnonzero(people.newcomer)
    keys = uuids(rng, people.joined[new])
    return [
        CustomEventRow(
            key, int(ids[i]), SIGNED_UP, {"plan": people.attributes[i]["plan"]}, moment_of(people.joined[i])
        )
        for key, i in zip(keys, new.tolist(), strict=True)
    ]
