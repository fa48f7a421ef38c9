"""The furniture of the sample data: users, labels, channels, lists, segments, and the three automations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retargeting.accounts.models import Role
from retargeting.conditions.nodes import Channel
from retargeting.demo.countries import EUROPE
from retargeting.demo.people import DAY, HOUR, USERNAME
from retargeting.demo.trees import (
    ANY,
    Tree,
    at_least,
    attribute,
    channel,
    group,
    label,
    last,
    segment,
    shop,
)

BRAND = "Northlight"


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    first_name: str
    last_name: str
    role: Role


ACCOUNTS = (
    Account(USERNAME, "Dana", "Lindqvist", Role.ADMIN),
    Account("maya", "Maya", "Okafor", Role.MARKETER),
    Account("victor", "Victor", "Stein", Role.VIEWER),
)
AUTHOR = "maya"
"""Who made the campaigns."""

# code → name, colour
LABELS = {
    "promo": ("Promo", "orange"),
    "newsletter": ("Newsletter", "blue"),
    "product": ("Product news", "purple"),
    "loyalty": ("Loyalty", "green"),
    "winback": ("Win-back", "red"),
    "onboarding": ("Onboarding", "teal"),
    "seasonal": ("Seasonal", "yellow"),
    "survey": ("Survey", "pink"),
    "events": ("Events", "cyan"),
}

SENDERS = {
    Channel.PUSH: BRAND,
    Channel.EMAIL: f"{BRAND} <hello@example.com>",
    Channel.SMS: BRAND.upper(),
    Channel.IN_APP: BRAND,
}

# key → name, share of everybody
LISTS = {"vip": ("VIP guests", 0.015), "fair": ("Outdoor fair sign-ups", 0.034)}

# key → name, tree; a later one may name an earlier one
SEGMENTS: dict[str, tuple[str, Tree]] = {
    "engaged": ("Engaged in the last 30 days", group(at_least(2, "opened", ANY, 30))),
    "dormant": ("Dormant for 45 days", group(last("opened", ANY, "more_than_ago", 45))),
    "spenders": ("Big spenders", group(attribute("lifetime_value", "at_least", 250))),
    "left-cart": (
        "Left a cart this week",
        group(shop("added_to_cart", "at_least", 1, 7), shop("purchase", "exactly", 0, 7)),
    ),
    "club-europe": (
        "Loyalty members in Europe",
        group(attribute("loyalty", "is", True), attribute("country", "one_of", EUROPE)),
    ),
    "champions": (
        "Email champions",
        group(
            at_least(1, "clicked", channel("email"), 30),
            at_least(4, "opened", label("newsletter", "promo"), 60),
            segment("spenders"),
            match="at_least",
            at_least=2,
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A message `after` the trigger or the step before; `unless` names a step that, once opened, makes it needless."""

    key: str
    name: str
    channel: Channel
    text: str
    after: int
    appeal: float = 1.0
    unless: str = ""


@dataclass(frozen=True, slots=True)
class AutomationPlan:
    """The goal of each is a purchase within so many days; where it `goal_ends`, who has bought leaves."""

    key: str
    name: str
    trigger: dict[str, Any]
    labels: tuple[str, ...]
    goal_days: int
    goal_ends: bool
    steps: tuple[Step, ...]


AUTOMATIONS = (
    AutomationPlan(
        "welcome",
        "Welcome to Northlight",
        {"type": "event", "event": "signed_up"},
        ("onboarding",),
        30,
        False,
        (
            Step("welcome", "Welcome mail", Channel.EMAIL, "Good to have you here.", 0, 1.9),
            Step(
                "welcome-again",
                "Welcome, once more",
                Channel.PUSH,
                "Have a look around.",
                2 * DAY,
                1.5,
                unless="welcome",
            ),
            Step("app-tour", "Tour of the app", Channel.IN_APP, "See what it can do in a minute.", 1 * DAY, 1.2),
            Step("first-order", "10% off the first order", Channel.EMAIL, "It waits for you.", 4 * DAY, 1.4),
        ),
    ),
    AutomationPlan(
        "cart",
        "Abandoned cart",
        {
            "type": "event",
            "event": "added_to_cart",
            "where": [{"property": "value", "operator": "at_least", "value": 25}],
        },
        ("promo",),
        14,
        True,
        (
            Step("reminder", "Still in your cart", Channel.PUSH, "Three clicks and it is yours.", 4 * HOUR, 1.8),
            Step(
                "cart-mail",
                "Your cart is waiting",
                Channel.EMAIL,
                "We keep it for two more days.",
                22 * HOUR,
                1.6,
                unless="reminder",
            ),
            Step(
                "last-call",
                "Free shipping until midnight",
                Channel.SMS,
                "Free shipping until midnight.",
                2 * DAY,
                1.5,
                unless="cart-mail",
            ),
        ),
    ),
    AutomationPlan(
        "winback",
        "Win back quiet customers",
        {"type": "segment", "segment": "dormant"},
        ("winback",),
        30,
        False,
        (
            Step("miss-you", "We miss you", Channel.EMAIL, "A lot has changed since you were here.", 1 * DAY, 0.8),
            Step(
                "offer",
                "15% to come back",
                Channel.PUSH,
                "On everything, for a week.",
                3 * DAY,
                0.9,
                unless="miss-you",
            ),
            Step("why", "What could we do better?", Channel.EMAIL, "One question, ten seconds.", 6 * DAY, 0.7),
        ),
    ),
)
