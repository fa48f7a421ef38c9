"""What can be said of rates that were counted on some people: pure arithmetic on numbers of people.

A rate is `hits` of `people`. The page `docs/variants.md` states the formulas for readers of reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, inf, isfinite, lgamma, sqrt
from statistics import NormalDist

import numpy as np

Z_95 = NormalDist().inv_cdf(0.975)
Z_POWER = NormalDist().inv_cdf(0.8)
"""For a difference to be found four times of five."""
FEW = 5
"""Fewer people than that who did it, of both groups together, say nothing: not even how many more are needed."""


@dataclass(frozen=True, slots=True)
class Rate:
    hits: int
    people: int

    @property
    def share(self) -> float:
        return self.hits / self.people if self.people else 0.0


def chance_to_beat(other: Rate, rate: Rate) -> float:
    """The probability that `rate` comes from a better message than `other`, before which any rate was as likely.

    With a uniform prior a rate of h hits of n people is Beta(h + 1, n − h + 1) distributed. The probability that one
    such variable exceeds another has a closed form for whole parameters (Evan Miller, “Formulas for Bayesian A/B
    Testing”, 2014): a sum of h + 1 terms, of which each is the one before times
    (α + i)(β' + i) / ((α + β + β' + i)(1 + i)), with α, β of the other one and α', β' of this one.
    """
    a, b = other.hits + 1, other.people - other.hits + 1
    a_, b_ = rate.hits + 1, rate.people - rate.hits + 1
    i = np.arange(a_ - 1, dtype=np.float64)
    steps = np.log(a + i) + np.log(b_ + i) - np.log(a + b + b_ + i) - np.log1p(i)
    # The first term is B(α, β + β') / B(α, β).
    first = lgamma(b + b_) - lgamma(a + b + b_) - lgamma(b) + lgamma(a + b)
    logs = first + np.concatenate([[0.0], np.cumsum(steps)])
    top = float(logs.max())
    return min(1.0, exp(top) * float(np.exp(logs - top).sum()))


def interval(rate: Rate) -> tuple[float, float]:
    """Where the true rate lies in 95 of 100 cases: the score interval (Wilson, 1927)."""
    if not rate.people:
        return 0.0, 1.0
    n, p, z = rate.people, rate.share, Z_95
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two shares, with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves no difference out."""
        return self.low > 0 or self.high < 0


def difference(rate: Rate, other: Rate) -> Difference:
    """`rate` less `other`, with the hybrid score interval (Newcombe, Statistics in Medicine 17, 1998, method 10)."""
    (low, high), (other_low, other_high) = interval(rate), interval(other)
    value = rate.share - other.share
    below = sqrt((rate.share - low) ** 2 + (other_high - other.share) ** 2)
    above = sqrt((high - rate.share) ** 2 + (other.share - other_low) ** 2)
    return Difference(value, value - below, value + above)


def people_needed(rate: Rate, other: Rate) -> float:
    """How many people, of both groups together and in the proportion they have, would show this difference.

    The usual size for two independent shares with unequal groups (Fleiss, Levin and Paik, Statistical Methods for
    Rates and Proportions, 2003, section 4.3, without continuity correction): 5 % error, four of five times found.
    """
    gap = rate.share - other.share
    if not gap or not rate.people or not other.people:
        return inf
    ratio = rate.people / other.people
    pooled = (rate.hits + other.hits) / (rate.people + other.people)
    alone = rate.share * (1 - rate.share) / ratio + other.share * (1 - other.share)
    together = pooled * (1 - pooled) * (1 + 1 / ratio)
    smaller = (Z_95 * sqrt(together) + Z_POWER * sqrt(alone)) ** 2 / gap**2
    return ceil(smaller) * (1 + ratio)


@dataclass(frozen=True, slots=True)
class Lift:
    """What a treatment does: the rate with it, and `other`, of those who were held out of it by lot.

    `relative` is the difference in shares of the other rate; `needed` about how many more people, of both groups
    together, would show the difference. None where it is shown, or where too few did it to say.
    """

    rate: Rate
    other: Rate
    difference: Difference
    relative: float | None
    needed: int | None

    @property
    def is_clear(self) -> bool:
        return self.difference.is_clear


def lift(rate: Rate, other: Rate) -> Lift:
    found = difference(rate, other)
    relative = found.value / other.share if other.hits else None
    return Lift(rate, other, found, relative, _more_needed(rate, other, found))


def _more_needed(rate: Rate, other: Rate, found: Difference) -> int | None:
    if found.is_clear or rate.hits + other.hits < FEW:
        return None
    needed = people_needed(rate, other) - rate.people - other.people
    return max(ceil(needed), 1) if isfinite(needed) else None
