"""The JSON form of a condition tree: `decode` reads it and says everything that is wrong, `encode` writes it.

The form is the public contract (version 1). `encode` leaves out what has its default (`opens`, `among`, `scope`,
`unset`, an empty `where`) and writes everything else, so equal trees have equal JSON.
"""

from __future__ import annotations

from retargeting.conditions.criteria import read_comparison, read_test
from retargeting.conditions.encoding import encode as encode
from retargeting.conditions.nodes import (
    Among,
    AnyTarget,
    AttributeCondition,
    AutomationTarget,
    CampaignTarget,
    Channel,
    ChannelTarget,
    Comparison,
    Condition,
    EntryCondition,
    EventCondition,
    Group,
    Interaction,
    LabelTarget,
    ListCondition,
    Match,
    MessageCondition,
    Opens,
    PropertyFilter,
    ReachableCondition,
    Scope,
    SegmentCondition,
    StepTarget,
    Target,
)
from retargeting.conditions.operators import CHANNELS, INTERACTIONS, TARGETS
from retargeting.conditions.reading import MAX_VALUES, Reader, show, spoken

MAX_DEPTH = 4
MAX_CONDITIONS = 100
KINDS = ("message", "event", "attribute", "segment", "list", "reachable")
IN_AUTOMATION = (*KINDS, "entry")


def decode(data: object, *, path: str = "", in_automation: bool = False) -> Group:
    """The tree in `data`, or ConditionErrors with every mistake (up to a hundred) and nothing else, ever.

    `path` is put before the JSON pointer of each mistake. `in_automation` is for trees inside an automation.
    Whether ids and names exist is not asked here: that needs the database.
    """
    decoder = _Decoder(in_automation)
    tree = decoder.root(data, path)
    if tree is None or decoder.errors:
        decoder.give_up()
    return tree


class _Decoder(Reader):
    """Reads nodes; the mistakes and the number of conditions so far are the state of one decoding."""

    def __init__(self, in_automation: bool) -> None:
        super().__init__()
        self.in_automation = in_automation
        self.conditions = 0

    # Groups.

    def root(self, data: object, path: str) -> Group | None:
        if isinstance(data, dict) and "kind" in data:
            self.refuse(path, 'The outermost node is a group: {"match": "all", "conditions": [ … ]}.')
            return None
        return self.group(data, path, 1)

    def node(self, data: object, path: str, depth: int) -> Group | Condition | None:
        if isinstance(data, dict) and "kind" not in data and ("match" in data or "conditions" in data):
            return self.group(data, path, depth)
        return self.condition(data, path)

    def group(self, data: object, path: str, depth: int) -> Group | None:
        fields = self.mapping(data, path, 'a group ("match" and "conditions")')
        if fields is None:
            return None
        if depth > MAX_DEPTH:
            self.refuse(path, f"Groups can be nested {MAX_DEPTH} deep, the outermost included; this one is deeper.")
            return None
        counted = fields.get("match") == Match.AT_LEAST.value
        required = ("match", "at_least", "conditions") if counted else ("match", "conditions")
        self.keys(fields, path, required)
        match = self.choice(fields["match"], f"{path}/match", Match) if "match" in fields else None
        items = fields.get("conditions", [])
        if not isinstance(items, list):
            self.refuse(f"{path}/conditions", f"Expected a list of conditions and groups, got {show(items)}.")
            return None
        if not items and "conditions" in fields and not (depth == 1 and match is Match.ALL):
            self.refuse(f"{path}/conditions", "This group is empty: add a condition or remove the group.")
        least = None
        if counted and items and "at_least" in fields:
            what = f"a whole number within the {len(items)} conditions of the group,"
            least = self.whole(fields["at_least"], f"{path}/at_least", 1, len(items), what)
        conditions = self.members(items, f"{path}/conditions", depth)
        return Group(match, conditions, least) if match else None

    def members(self, items: list[object], path: str, depth: int) -> tuple[Group | Condition, ...]:
        found = []
        for index, item in enumerate(items):
            if self.conditions > MAX_CONDITIONS:
                break
            node = self.node(item, f"{path}/{index}", depth + 1)
            if node is not None:
                found.append(node)
        return tuple(found)

    # Conditions.

    def condition(self, data: object, path: str) -> Condition | None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            self.refuse(path, f"The whole tree can have {MAX_CONDITIONS} conditions; this is one more.")
            return None
        fields = self.mapping(data, path, 'a condition (with "kind") or a group (with "match")')
        if fields is None:
            return None
        kind = fields.get("kind")
        match kind:
            case "message":
                return self.message(fields, path)
            case "event":
                return self.event(fields, path)
            case "attribute":
                return self.attribute(fields, path)
            case "entry":
                return self.entry(fields, path)
            case "segment":
                return self.membership(fields, path, SegmentCondition)
            case "list":
                return self.membership(fields, path, ListCondition)
            case "reachable":
                return self.reachable(fields, path)
        kinds = spoken(IN_AUTOMATION if self.in_automation else KINDS)
        if "kind" in fields:
            self.refuse(f"{path}/kind", f"Expected one of {kinds}, got {show(kind)}.")
        else:
            self.refuse(path, f'A condition has a "kind" ({kinds}), a group has "match" and "conditions".')
        return None

    def message(self, fields: dict[object, object], path: str) -> MessageCondition | None:
        event = self.choice(fields["event"], f"{path}/event", Interaction) if "event" in fields else None
        target = self.target(fields["target"], f"{path}/target") if "target" in fields else None
        fields = self.without_meaningless(fields, path, event)
        self.keys(fields, path, ("kind", "event", "target", "test"), ("opens", "among", "scope"))
        test = read_test(self, fields["test"], f"{path}/test") if "test" in fields else None
        opens = self.choice(fields.get("opens", "human"), f"{path}/opens", Opens)
        among = self.choice(fields.get("among", "recipients"), f"{path}/among", Among)
        scope = self.choice(fields["scope"], f"{path}/scope", Scope) if "scope" in fields else None
        if event is None or target is None:
            return None
        self.check_channel(event, target, path)
        if test is None or opens is None or among is None:
            return None
        return MessageCondition(event, target, test, opens, among, scope)

    def without_meaningless(
        self, fields: dict[object, object], path: str, event: Interaction | None
    ) -> dict[object, object]:
        """Refuses the keys that would change nothing where they stand, and gives the others."""
        refused = {}
        if event is not None and not INTERACTIONS[event].opens:
            able = spoken([name for name, row in INTERACTIONS.items() if row.opens])
            refused["opens"] = f'"opens" has no meaning with "{event}"; it is for {able}.'
        if event is not None and not INTERACTIONS[event].among:
            refused["among"] = f'"among" has no meaning with "{event}", which always looks at everyone; leave it out.'
        target = fields.get("target")
        if not self.in_automation:
            refused["scope"] = '"scope" has a meaning only inside an automation; leave it out.'
        elif not (isinstance(target, dict) and target.get("type") == "step"):
            refused["scope"] = '"scope" has a meaning only on a target of type "step"; leave it out.'
        for key, message in refused.items():
            if key in fields:
                self.refuse(f"{path}/{key}", message)
        return {key: value for key, value in fields.items() if key not in refused}

    def check_channel(self, event: Interaction, target: Target, path: str) -> None:
        """What a channel cannot do is refused on a target of that one channel."""
        if not isinstance(target, ChannelTarget) or len(target.channels) != 1:
            return
        channel = target.channels[0]
        if channel not in INTERACTIONS[event].channels:
            able = spoken([name for name, row in INTERACTIONS.items() if channel in row.channels])
            self.refuse(f"{path}/event", f'"{event}" does not exist on {CHANNELS[channel].label}; it has {able}.')

    def target(self, data: object, path: str) -> Target | None:
        fields = self.mapping(data, path, "a target")
        if fields is None:
            return None
        kind = fields.get("type")
        match kind:
            case "any":
                return AnyTarget() if self.keys(fields, path, ("type",)) else None
            case "campaign" | "automation":
                if not self.keys(fields, path, ("type", "ids")):
                    return None
                ids = self.items(fields["ids"], f"{path}/ids", self.identity, "ids")
                if ids is None:
                    return None
                return CampaignTarget(ids) if kind == "campaign" else AutomationTarget(ids)
            case "step":
                return self.step_target(fields, path)
            case "channel":
                if not self.keys(fields, path, ("type", "channels")):
                    return None
                channels = self.items(fields["channels"], f"{path}/channels", self.channel, "channels")
                return None if channels is None else ChannelTarget(channels)
            case "label":
                if not self.keys(fields, path, ("type", "codes")):
                    return None
                codes = self.items(fields["codes"], f"{path}/codes", self.code, "label codes")
                return None if codes is None else LabelTarget(codes)
        self.refuse(f"{path}/type", f"Expected one of {spoken(TARGETS)}, got {show(kind)}.")
        return None

    def step_target(self, fields: dict[object, object], path: str) -> StepTarget | None:
        if not self.keys(fields, path, ("type", "automation", "keys")):
            return None
        automation = self.identity(fields["automation"], f"{path}/automation")
        keys = self.items(fields["keys"], f"{path}/keys", self.code, "step keys")
        return None if automation is None or keys is None else StepTarget(automation, keys)

    def channel(self, data: object, path: str) -> Channel | None:
        return self.choice(data, path, Channel)

    def code(self, data: object, path: str) -> str | None:
        return self.name(data, path, "a code or key, as a text")

    def event(self, fields: dict[object, object], path: str) -> EventCondition | None:
        self.keys(fields, path, ("kind", "event", "test"), ("where",))
        name = self.name(fields["event"], f"{path}/event", "the name of an event") if "event" in fields else None
        test = read_test(self, fields["test"], f"{path}/test") if "test" in fields else None
        where = self.where(fields.get("where", []), f"{path}/where")
        return None if name is None or test is None or where is None else EventCondition(name, test, where)

    def where(self, data: object, path: str) -> tuple[PropertyFilter, ...] | None:
        if not isinstance(data, list):
            self.refuse(path, f"Expected a list of filters on properties, got {show(data)}.")
            return None
        if len(data) + sum(_values(item) for item in data) > MAX_VALUES:
            self.refuse(path, f"The filters of one event can have {MAX_VALUES:,} values in all; these have more.")
            return None
        filters = [self.filter(item, f"{path}/{index}") for index, item in enumerate(data)]
        return tuple(item for item in filters if item is not None)

    def filter(self, data: object, path: str) -> PropertyFilter | None:
        fields = self.mapping(data, path, "a filter on a property")
        if fields is None:
            return None
        comparison = read_comparison(self, fields, path, ("property",))
        if "property" not in fields:
            return None
        name = self.name(fields["property"], f"{path}/property", "the name of a property")
        return None if name is None or comparison is None else PropertyFilter(name, comparison)

    def attribute(self, fields: dict[object, object], path: str) -> AttributeCondition | None:
        found = self.valued(fields, path, "attribute", "the name of an attribute")
        return None if found is None else AttributeCondition(*found)

    def entry(self, fields: dict[object, object], path: str) -> EntryCondition | None:
        if not self.in_automation:
            self.refuse(
                f"{path}/kind", '"entry" has a meaning only inside an automation, where an event begins journeys.'
            )
            return None
        found = self.valued(fields, path, "property", "the name of a property")
        return None if found is None else EntryCondition(*found)

    def valued(
        self, fields: dict[object, object], path: str, key: str, what: str
    ) -> tuple[str, Comparison, bool | None] | None:
        """The name under `key`, what its value is compared with, and what holds without a value."""
        comparison = read_comparison(self, fields, path, ("kind", key), ("unset",))
        if key not in fields:
            return None
        name = self.name(fields[key], f"{path}/{key}", what)
        unset = fields.get("unset")
        if "unset" in fields and unset not in ("include", "exclude"):
            self.refuse(f"{path}/unset", f'Expected "include" or "exclude", got {show(unset)}.')
        if name is None or comparison is None:
            return None
        return name, comparison, unset == "include" if "unset" in fields else None

    def membership(
        self, fields: dict[object, object], path: str, kind: type[SegmentCondition] | type[ListCondition]
    ) -> SegmentCondition | ListCondition | None:
        self.keys(fields, path, ("kind", "id"), ("member",))
        number = self.identity(fields["id"], f"{path}/id") if "id" in fields else None
        member = self.flag(fields.get("member", True), f"{path}/member")
        return None if number is None or member is None else kind(number, member)

    def reachable(self, fields: dict[object, object], path: str) -> ReachableCondition | None:
        self.keys(fields, path, ("kind", "channel"), ("value",))
        channel = self.channel(fields["channel"], f"{path}/channel") if "channel" in fields else None
        value = self.flag(fields.get("value", True), f"{path}/value")
        return None if channel is None or value is None else ReachableCondition(channel, value)


def _values(item: object) -> int:
    """How many values the list in a filter has beyond the one that each filter stands for."""
    value = item.get("value") if isinstance(item, dict) else None
    return max(len(value) - 1, 0) if isinstance(value, list) else 0
