from __future__ import annotations

import contextlib
import time

import pytest

from retargeting.messaging import content
from retargeting.messaging.liquid import TemplateError, fill, parse
from retargeting.messaging.rendering import plain_text, render
from retargeting.messaging.tracking import Recipient

VALUES = {"first_name": "<Ana>", "profile": {"first_name": "<Ana>"}}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hi {{ first_name }}", "Hi <Ana>"),
        ("Hi {{ nobody | default: 'there' }}", "Hi there"),
        ("{% if first_name %}yes{% endif %}", "yes"),
        ("no braces", "no braces"),
    ],
)
def test_values_are_filled_in(template, filled):
    assert fill(template, VALUES) == filled


def test_values_are_escaped_in_html():
    assert fill("{{ first_name }}", VALUES, html=True) == "&lt;Ana&gt;"


@pytest.mark.parametrize(
    "template",
    [
        "{{ first_name",
        "{% if x %}",
        "{% nonsense %}",
        "{{ x | no_such_filter }}",
        "{% for x in (1..99999999) %}a{% endfor %}",
    ],
)
def test_a_bad_template_is_an_error_with_words(template):
    with pytest.raises(TemplateError) as caught:
        fill(template, VALUES)
    assert str(caught.value)


def test_the_error_names_the_line():
    with pytest.raises(TemplateError, match="line 3"):
        parse("one\ntwo\n{% nonsense %}")


@pytest.mark.parametrize("value", [None, [], {}, 10**400, float("1e308"), "x" * 10_000, [[1]], {"a": {"b": 1}}])
@pytest.mark.parametrize(
    "filter_", ["plus: 1", "date: '%Y'", "slice: 1, 2", "split: ','", "times: 9", "sort", "upcase"]
)
def test_filters_that_meet_odd_values_never_stop_a_worker(value, filter_):
    with contextlib.suppress(TemplateError):
        assert isinstance(fill("{{ value | " + filter_ + " }}", {"value": value}), str)


@pytest.mark.parametrize(
    ("channel", "value", "field"),
    [
        ("push", {"title": "x"}, "body"),
        ("push", {"title": "x", "body": "y", "subject": "z"}, "subject"),
        ("push", {"title": 3, "body": "y"}, "title"),
        ("push", {"title": "x", "body": "y", "link": "javascript:alert(1)"}, "link"),
        ("email", {"subject": "x"}, "html"),
        ("sms", {"text": "x" * 1601}, "text"),
        ("sms", {"text": "a\x00b"}, "text"),
        ("sms", {"text": "a\ud800b"}, "text"),
        ("sms", {"text": "{{ x"}, "text"),
        ("sms", ["text"], ""),
    ],
)
def test_what_is_wrong_with_a_message_is_said_at_its_field(channel, value, field):
    assert [error.field for error in content.check(channel, value)] == [field]


def test_a_draft_may_have_gaps_but_no_mistakes():
    assert content.check("push", {}, complete=False) == []
    assert content.check("push", {"title": "{{ x"}, complete=False)


def test_a_preview_has_no_tracking():
    rendered = render("email", {"subject": "Hi {{ first_name }}", "html": "<p>Yo</p>"}, VALUES, None)
    assert rendered.content == {"subject": "Hi <Ana>", "html": "<p>Yo</p>", "text": "Yo"}
    assert rendered.headers == {}


def test_html_becomes_readable_text():
    html = "<style>p{}</style><h1>Sale</h1><p>All &amp; more,<br>now</p><a href='https://x.example'>look</a>"
    assert plain_text(html) == "Sale\nAll & more,\nnow\nlook (https://x.example)"


def test_an_attribute_may_have_any_name():
    for name in ("self", "args", "kwargs", "source", "profile", "campaign"):
        assert fill("{{ first_name }}", {"first_name": "Ana", name: "x"}) == "Ana"


@pytest.mark.parametrize("html", ["<p>x <a" + "b" * 1000 + "<" * 60, "<<" * 60 + "b>" * 60])
def test_html_that_cannot_be_read_is_an_error_with_words(html):
    with pytest.raises(TemplateError, match="HTML"):
        render("email", {"subject": "x", "html": html}, VALUES, None)


@pytest.mark.parametrize("piece", ['<a href="https://x.example/">x', "<style>", "<a "])
def test_html_that_closes_nothing_takes_no_minutes(piece):
    started = time.monotonic()
    with contextlib.suppress(TemplateError):
        render("email", {"subject": "x", "html": piece * 8000}, VALUES, Recipient(1, 2))
    assert time.monotonic() - started < 3


PERSON = {"first_name": "Ana", "nickname": "", "age": None, "profile": {"language": ""}, "orders": 0, "vip": False}


@pytest.mark.parametrize(
    "template",
    [
        "{{ first_name }}",
        "{{ nickname | default: 'there' }}",
        "{{ nobody | default: 'there' }}",
        "{{ nobody | default: 'there' | upcase }}",
        "{% if nobody %}x{% endif %}{% if nickname == blank %}y{% endif %}",
        "{% unless age %}x{% endunless %}",
        "{{ orders }} {{ vip }}",
        "{% for x in nobody %}{{ x }}{% endfor %}",
        "{% assign name = nobody | default: 'x' %}{{ name }}",
    ],
)
def test_a_value_that_may_be_missing_fills_in_the_same_where_none_may(template):
    assert fill(template, PERSON, strict=True) == fill(template, PERSON)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("Hi {{ nickname }}", "nickname"),
        ("Hi {{ nobody }}", "nobody"),
        ("{{ age }}", "age"),
        ("{{ profile.language }}", "profile.language"),
        ("{{ nobody | upcase }}", "nobody"),
        ("{{ nobody | append: '!' }}", "nobody"),
        ("{{ nobody | plus: 1 }}", "nobody"),
        ("{% if first_name %}{{ nickname }}{% endif %}", "nickname"),
    ],
)
@pytest.mark.parametrize("html", [False, True])
def test_a_value_that_must_not_be_missing_is_named(template, name, html):
    with pytest.raises(TemplateError, match=f": {name} has no value"):
        fill(template, PERSON, html=html, strict=True)
