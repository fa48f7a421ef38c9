from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template

from retargeting.web import charts
from retargeting.web.wording import compact_number, grouped_number, ratio_text, time_ago


def rendered(source: str, **values: object) -> str:
    return Template("{% load ui %}" + source).render(Context(values))


@pytest.mark.parametrize(
    ("size", "words"),
    [
        *[(0, "0"), (999, "999"), (1_000, "1,000"), (9_999, "9,999"), (48_300, "48 k"), (999_999, "999 k")],
        *[(1_000_000, "1.0 M"), (1_240_000, "1.2 M"), (12_000_000, "12 M"), (1_030_000_000, "1.0 G"), (None, "–")],
    ],
)
def test_a_number_at_a_glance_has_three_digits_and_is_never_rounded_up(size, words):
    assert compact_number(size).replace("\u00a0", " ") == words


def test_numbers_have_separators_and_nothing_known_is_a_dash():
    assert grouped_number(1234567) == "1,234,567"
    assert grouped_number(None) == "–"


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(198, 1000, "19.8 %"), (0, 10, "0.0 %"), (1, 10_000, "< 0.1 %"), (5, 0, "–"), (None, 5, "–")],
)
def test_a_rate_has_one_digit_and_nothing_to_compare_with_is_a_dash(part, whole, words):
    assert ratio_text(part, whole).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("age", "words"),
    [
        *[(timedelta(seconds=5), "just now"), (timedelta(minutes=1), "1 minute ago")],
        *[(timedelta(hours=3), "3 hours ago"), (timedelta(days=45), "1 month ago")],
        *[(timedelta(days=-2), "in 2 days"), (timedelta(seconds=-5), "in a moment")],
    ],
)
def test_times_are_told_as_people_tell_them(age, words):
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert time_ago(now - age, now) == words


def test_a_channel_is_named_in_words_beside_its_icon():
    html = rendered('{% channel_badge "in_app" %}')
    assert "In-app" in html
    assert 'aria-hidden="true"' in html


def test_an_unknown_icon_is_a_mistake_that_shows_at_once():
    with pytest.raises(Exception, match="no icon"):
        rendered('{% icon "no-such-icon" %}')


def test_labels_are_escaped():
    html = rendered("{% label_badge label %}", label={"name": "<b>x</b>", "colour": "red"})
    assert "&lt;b&gt;x&lt;/b&gt;" in html


def test_a_menu_works_without_javascript_and_has_a_name():
    html = rendered('{% menu label="What can be done" %}<a class="menu-item" href="/x">X</a>{% endmenu %}')
    assert html.startswith("<details")
    assert 'aria-label="What can be done"' in html
    assert '<a class="menu-item" href="/x">X</a>' in html


def test_a_bar_chart_has_its_numbers_in_a_table():
    chart = charts.BarChart("Opens by hour", ["10h", "11h"], [charts.Series("opened", [1200, 30])])
    html = rendered("{% bar_chart chart %}", chart=chart)
    assert html.count("<rect") == 2
    assert "1,200" in html
    assert "<table" in html


def test_a_chart_of_nothing_is_no_error():
    assert charts.line([]) is None
    assert charts.line([0, 0]) is not None
    assert "<svg" in rendered("{% bar_chart chart %}", chart=charts.BarChart("Empty", [], [charts.Series("x", [])]))


@pytest.mark.parametrize(("value", "top"), [(0, 4), (5, 5), (11, 20), (250_000, 400_000), (999, 1000)])
def test_the_axis_ends_at_a_round_number_that_is_not_below_the_largest(value, top):
    assert charts.nice_top(value) == top
