"""Whatever tree there is, the builder can show it and give it back unchanged."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retargeting.audiences.builder.draft import Draft, DraftItem, DraftRow
from retargeting.audiences.builder.field import AudienceWidget, draft_of
from retargeting.audiences.builder.panel import Options, Panel
from retargeting.audiences.builder.reading import read_row
from retargeting.conditions.codec import decode, encode
from retargeting.conditions.nodes import (
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    Comparison,
    EventCondition,
    Group,
    Interaction,
    LabelTarget,
    Match,
    MessageCondition,
    Node,
    Occurred,
    PropertyFilter,
    StepTarget,
    ValueOperator,
)
from tests.audiences.forms import submitted
from tests.conditions.strategies import Vocabulary, trees

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
pytestmark = pytest.mark.django_db


def through_the_form(tree: Group, in_automation: bool = False) -> dict:
    """The tree as a browser would send it back from the page that shows it."""
    panel = Panel(draft_of(tree), Options("audience", "/", in_automation=in_automation))
    html = panel.render()
    data = submitted(html)
    draft = AudienceWidget().value_from_datadict(QueryDict(data), {}, "audience")
    assert isinstance(draft, Draft)
    # What the tree refers to does not exist here, so the conditions are asked for before that is looked up.
    return encode(without_look_up(draft, in_automation))


def without_look_up(draft: Draft, in_automation: bool) -> Group:
    def node(item: DraftItem) -> Node:
        if isinstance(item, DraftRow):
            outcome = read_row(item, in_automation=in_automation)
            assert outcome.condition is not None, outcome.problems
            return outcome.condition
        least = int(item.at_least) if item.match == "at_least" else None
        return Group(Match(item.match), tuple(node(child) for child in item.items), least)

    tree = node(draft.root)
    assert isinstance(tree, Group)
    return tree


EXAMPLES = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@EXAMPLES
@given(trees(Vocabulary(segments=(4, 5)), depth=4))
def test_every_tree_comes_back_from_the_page_as_it_was(tree):
    assert through_the_form(tree) == encode(tree)


@EXAMPLES
@given(trees(depth=2, in_automation=True))
def test_inside_an_automation_the_scope_comes_back_as_well(tree):
    assert through_the_form(tree, in_automation=True) == encode(tree)


@EXAMPLES
@given(TEXTS, TEXTS)
def test_no_character_of_a_name_or_a_value_is_lost(name, value):
    filters = (PropertyFilter(name, Comparison(ValueOperator.IS, value)),)
    tree = Group(
        Match.ALL,
        (
            AttributeCondition(name, Comparison(ValueOperator.ONE_OF, (value, 1, 1.5, True, "1"))),
            AttributeCondition(name, Comparison(ValueOperator.CONTAINS, value)),
            EventCondition(name, Occurred(False), filters),
            MessageCondition(Interaction.OPENED, LabelTarget((name, "x")), Occurred(True)),
            MessageCondition(Interaction.SENT, StepTarget(3, (name,)), Occurred(True)),
        ),
    )
    tree = decode(encode(tree))  # a value that is said twice is kept once
    assert through_the_form(tree) == encode(tree)


@pytest.mark.parametrize("count", [1, 40, 41, 1000])
def test_a_thousand_ids_or_values_come_back_in_their_order(count):
    ids = tuple(range(count + 1, 1, -1))
    tree = Group(
        Match.ALL,
        (
            MessageCondition(Interaction.OPENED, CampaignTarget(ids), Occurred(False)),
            MessageCondition(Interaction.OPENED, AutomationTarget(ids), Occurred(True)),
            AttributeCondition("x", Comparison(ValueOperator.NONE_OF, ids)),
        ),
    )
    assert through_the_form(tree) == encode(tree)
