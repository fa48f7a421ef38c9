"""The words of what is not so: "they had opened Spring sale once more", "country were France"."""

from __future__ import annotations

from dataclasses import dataclass, replace

from retargeting.conditions.hints import CONTRARY
from retargeting.conditions.names import Names
from retargeting.conditions.nodes import (
    AnyTarget,
    AttributeCondition,
    EventCondition,
    ListCondition,
    MessageCondition,
    Opens,
    ReachableCondition,
)
from retargeting.conditions.operators import CHANNELS, INTERACTIONS, VALUE_OPERATORS
from retargeting.conditions.phrases import comparison_words, target_parts, text_of, times
from retargeting.conditions.reasons import shown
from retargeting.conditions.values import JSON, has_value

# How the wording of an operator begins, as if it were so and as if it were not.
SUPPOSED = {
    "is": ("were", "were not"),
    "contains": ("contained", "did not contain"),
    "does": ("did", "did"),
    "starts": ("started", "did not start"),
    "ends": ("ended", "did not end"),
    "includes": ("included", "did not include"),
}


@dataclass(frozen=True)
class Doing:
    """What can happen to somebody, supposed: "opened a push", "opened push messages", "opened any push messages",
    "last opened a push". `by` is who did it, if that is not said by itself."""

    one: str
    many: str
    none: str
    latest: str
    by: str = ""

    def more(self, number: int, when: str, *, again: bool) -> str:
        if number == 1:
            return f"they had {self.one}{' once more' if again else ''}{when}{self.by}"
        how_often = f"{number:,} more times" if again else times(number)
        return f"they had {self.many} {how_often}{when}{self.by}"

    def only(self, number: int, when: str) -> str:
        if number == 0:
            return f"they had not {self.none}{when}{self.by}"
        return f"they had {self.many} only {times(number)}{when}{self.by}"

    def last(self, when: str) -> str:
        return f"they had {self.latest}{when}{self.by}"


def doing_message(node: MessageCondition, names: Names) -> Doing:
    row = INTERACTIONS[node.event]
    many = text_of(target_parts(node.target, names))
    last, denied = one_message(node, names), text_of(target_parts(node.target, names, denied=True))
    return Doing(
        row.did.format(be="been", target=last),
        row.did.format(be="been", target=many),
        row.did.format(be="been", target=denied),
        row.last_did.format(be="been", target=last),
        " (by a machine)" if node.opens is Opens.MACHINE else "",
    )


def one_message(node: MessageCondition, names: Names) -> str:
    """ "a push", "Spring sale"; of any message just "a message"."""
    if isinstance(node.target, AnyTarget):
        return "a message"
    return text_of(target_parts(node.target, names, last=True))


def doing_event(node: EventCondition) -> Doing:
    fitting = ", and ".join(f"{item.property} {comparison_words(item.comparison)}" for item in node.where)
    what = f"{node.event} (where {fitting})" if fitting else node.event
    return Doing(f"done {what}", f"done {what}", f"done {what}", f"last done {what}")


def attribute_words(node: AttributeCondition, wanted: bool, *, newly_set: bool) -> str:
    """The condition, or its contrary if it is `wanted` false. `newly_set`: of somebody who has no value yet."""
    comparison = node.comparison
    if not wanted and comparison.operator in CONTRARY:
        comparison, wanted = replace(comparison, operator=CONTRARY[comparison.operator]), True
    first, _, rest = comparison_words(comparison).partition(" ")
    positive, negative = SUPPOSED[first]
    also = " (and were set)" if newly_set and VALUE_OPERATORS[comparison.operator].negation is wanted else ""
    return f"{node.attribute} {positive if wanted else negative} {rest}{also}"


def value_set_words(attribute: str, value: JSON) -> str:
    return f"{attribute} were {shown(value)}" if has_value(value) else f"{attribute} were not set"


def list_words(node: ListCondition, wanted: bool, names: Names) -> str:
    return f"they were {'on' if wanted else 'not on'} the list {names.list(node.id)}"


def reach_words(node: ReachableCondition, wanted: bool) -> str:
    return f"they {'could' if wanted else 'could not'} be reached by {CHANNELS[node.channel].noun}"
