"""What is filled in without the template engine is what the engine would have made of it."""

from __future__ import annotations

import pytest

from retargeting.messaging.liquid import parse
from retargeting.messaging.simple import filler

SIMPLE = [
    "Hello {{ a }}!", "{{ a | default: 'you' }}", '{{a|default: "<b>you</b>"}}', "{{ a.b }} and {{ a.c.d }}",
    "{{ profile.a }}", "no tag at all", "{{ a }}{{ a }}",
]  # fmt: skip
OTHERS = [
    "{{ a | upcase }}", "{% if a %}x{% endif %}", "{{ a[0] }}", "{{ nil }}", "{{ a.size }}", "{{ a }} }}", "{{- a -}}",
    "{{ 'text' }}", "{{ a | default: b }}", "{{ empty }}",
]  # fmt: skip
VALUES = [
    None, "", "Ana", "<Ana & 'Bo'>", 0, 7, True, False, 1.5, [], ["x", "y"], {}, {"b": "B"}, {"b": None},
    {"b": "B", "c": {"d": "deep"}}, {"b": 3, "c": "flat"}, "  ", "é",
]  # fmt: skip


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("source", SIMPLE)
def test_it_gives_what_the_engine_gives_or_leaves_it_to_the_engine(source, html):
    fill = filler(source, html=html)
    assert fill is not None
    alone = 0
    for value in VALUES:
        for values in ({"a": value, "profile": {"a": value}}, {}):
            if (text := fill(values)) is not None:
                alone += 1
                assert text == parse(source, html=html).render(values)
    assert alone > 0


@pytest.mark.parametrize("source", OTHERS)
def test_what_is_not_that_simple_is_left_to_the_engine(source):
    assert filler(source, html=False) is None
