"""The arithmetic of rates, held against what it has to be whatever the numbers are, and against published figures."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retargeting.chances import Rate, chance_to_beat, difference, interval, people_needed

rates = st.integers(0, 3000).flatmap(lambda n: st.builds(Rate, st.integers(0, n), st.just(n)))
some_rates = rates.filter(lambda rate: rate.people > 0)


@given(one=rates, other=rates)
def test_of_two_one_is_better_and_the_chances_make_one(one, other):
    assert chance_to_beat(one, other) + chance_to_beat(other, one) == pytest.approx(1, abs=1e-7)
    assert chance_to_beat(one, one) == pytest.approx(0.5, abs=1e-7)


@given(one=rates, other=rates)
def test_another_hit_never_lowers_the_chance(one, other):
    if other.hits < other.people:
        more = Rate(other.hits + 1, other.people)
        assert chance_to_beat(one, more) >= chance_to_beat(one, other) - 1e-9


@pytest.mark.parametrize(
    ("one", "other"), [(Rate(3, 20), Rate(7, 25)), (Rate(120, 4000), Rate(150, 4100)), (Rate(0, 50), Rate(2, 50))]
)
def test_the_chance_is_the_share_of_draws_in_which_one_beats_the_other(one, other):
    draws = np.random.default_rng(7)
    sample = [draws.beta(rate.hits + 1, rate.people - rate.hits + 1, 400_000) for rate in (one, other)]
    assert chance_to_beat(one, other) == pytest.approx(float((sample[1] > sample[0]).mean()), abs=0.004)


def test_a_million_people_take_no_time_and_lose_no_exactness():
    one, other = Rate(300_000, 1_000_000), Rate(300_500, 1_000_000)
    assert chance_to_beat(one, other) == pytest.approx(0.7796, abs=0.001)  # by the normal approximation, good here
    assert chance_to_beat(one, other) + chance_to_beat(other, one) == pytest.approx(1, abs=1e-6)


@given(rate=rates)
def test_a_rate_lies_in_its_interval_and_that_between_nought_and_one(rate):
    low, high = interval(rate)
    assert 0 <= low <= high <= 1
    if rate.people:
        assert low - 1e-12 <= rate.share <= high + 1e-12


@given(one=some_rates, other=some_rates)
def test_a_difference_lies_in_its_interval_and_turns_with_the_order(one, other):
    found, turned = difference(one, other), difference(other, one)
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    assert (found.value, found.low, found.high) == pytest.approx((-turned.value, -turned.high, -turned.low))


def test_the_interval_of_a_difference_is_that_of_the_paper():
    """Newcombe 1998, table II, example (a): 56 of 70 and 48 of 80 give 0.0524 to 0.3339."""
    found = difference(Rate(56, 70), Rate(48, 80))
    assert (round(found.value, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)


def test_the_interval_holds_the_truth_in_about_95_of_100_samples():
    draws, truth = np.random.default_rng(11), (0.12, 0.10)
    held = 0
    for _ in range(2000):
        one, other = (Rate(int(draws.binomial(n, p)), n) for n, p in zip((900, 400), truth, strict=True))
        found = difference(one, other)
        held += found.low <= truth[0] - truth[1] <= found.high
    assert 0.93 <= held / 2000 <= 0.97


def test_the_number_of_people_for_a_difference_is_that_of_the_textbooks():
    """10 % against 15 %, groups of equal size: 686 each, by the usual formula without continuity correction."""
    assert people_needed(Rate(150, 1000), Rate(100, 1000)) == pytest.approx(2 * 686, abs=2)


def test_no_difference_needs_more_people_than_there_are():
    assert people_needed(Rate(10, 100), Rate(20, 200)) == inf


@given(one=some_rates, other=some_rates, factor=st.integers(2, 20))
def test_what_is_needed_depends_on_the_rates_and_not_on_how_many_showed_them(one, other, factor):
    larger = [Rate(rate.hits * factor, rate.people * factor) for rate in (one, other)]
    if one.share != other.share:
        assert people_needed(*larger) == pytest.approx(
            people_needed(one, other), rel=0.02, abs=2 + one.people / other.people
        )


def test_whatever_is_counted_gives_a_number():
    for hits, other_hits in product((0, 1, 50), (0, 1, 50)):
        assert 0 <= chance_to_beat(Rate(hits, 50), Rate(other_hits, 50)) <= 1
