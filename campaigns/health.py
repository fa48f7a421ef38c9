"""What a campaign did to the standing of its sender: its rates against the limits that mailbox providers name.

Complaints: Gmail and Yahoo ask bulk senders to stay below 0.1 % and to never reach 0.3 % (sender guidelines of 2024).
Hard bounces: large sending services review accounts from 5 % and warn before, from about 2 %. Unsubscribing is no
offence; above 0.5 % of one mail it says that the mail went to people who did not want it.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.report import Report

ENOUGH = 100
"""Messages below which a rate says nothing: one complaint of fifty people is 2 %."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Shares of those it was sent to."""

    outcome: str
    noun: str
    warning: float
    danger: float
    advice: str


LIMITS = (
    Limit("complained", "complaints", 0.001, 0.003, "Write to people who opened something lately, and less often."),
    Limit("bounced", "hard bounces", 0.02, 0.05, "Take addresses that nobody confirmed out of the list."),
    Limit("unsubscribed", "unsubscribed", 0.005, 0.02, "Narrow the audience, or say in the mail why they get it."),
)


@dataclass(frozen=True, slots=True)
class Finding:
    level: str
    """`warning` or `danger`."""
    outcome: str
    sentence: str
    advice: str


def findings(counted: Report) -> list[Finding]:
    """What is above a limit, the worst first."""
    if counted.people.get("sent", 0) < ENOUGH:
        return []
    found = []
    for limit in LIMITS:
        rate = counted.rate(limit.outcome)
        if limit.outcome not in counted.people or rate is None or rate < limit.warning:
            continue
        level, bound = ("danger", limit.danger) if rate >= limit.danger else ("warning", limit.warning)
        sentence = f"{100 * rate:.2f} % {limit.noun}: {100 * bound:g} % is where mailbox providers start to mind."
        if level == "danger":
            sentence = f"{100 * rate:.2f} % {limit.noun}: from {100 * bound:g} % on, mail of the sender is held back."
        found.append(Finding(level, limit.outcome, sentence, limit.advice))
    return sorted(found, key=lambda finding: finding.level != "danger")
