"""The JSON form of a definition: `decode` reads it and says everything that is wrong, `encode` writes it.

The form is that of the REST API. What is not chosen yet (a condition, a message's text) may be missing: whether it can
be published is asked by `readiness`.
"""

from __future__ import annotations

from typing import Any

from automations.graph.nodes import (
    ApiTrigger,
    Crossing,
    Definition,
    Entry,
    EntryCap,
    EventTrigger,
    Existing,
    Goal,
    MessageTrigger,
    Reentry,
    ScheduleTrigger,
    SegmentTrigger,
    Trigger,
)
from automations.graph.reading import Fields
from automations.graph.steps import StepReader, write_duration, write_event, write_steps
from retargeting.conditions.encoding import encode as encode_condition
from retargeting.conditions.nodes import EventCondition
from retargeting.conditions.reading import show, spoken
from retargeting.messaging.recurring import RepeatError, check_repeat

KEYS = ("trigger", "steps", "exits", "goal", "holdout")
TRIGGERS = ("event", "message", "segment", "schedule", "api")
ENTRY = ("audience", "reentry", "key", "cap", "starts_at", "ends_at")
MOST_EXITS = 20


def decode(data: object, *, path: str = "") -> Definition:
    """The definition in `data`, or ConditionErrors with every mistake."""
    reader = _DefinitionReader()
    definition = reader.definition(data, path)
    if reader.errors or definition is None:
        reader.give_up()
    return definition


class _DefinitionReader(StepReader):
    def definition(self, data: object, path: str) -> Definition | None:
        fields = self.mapping(data, path, "an automation")
        if fields is None or not self.keys(fields, path, (), KEYS):
            return None
        trigger, entry = self.trigger(fields.get("trigger"), f"{path}/trigger")
        return Definition(
            trigger=trigger,
            entry=entry,
            steps=self.steps(fields.get("steps", []), f"{path}/steps"),
            exits=self.exits(fields.get("exits", []), f"{path}/exits"),
            goal=self.goal(fields.get("goal"), f"{path}/goal"),
            holdout=self.whole(fields.get("holdout", 0), f"{path}/holdout", 0, 50) or 0,
        )

    # The trigger, and who may enter by it.

    def trigger(self, data: object, path: str) -> tuple[Trigger | None, Entry]:
        if data is None:
            return None, Entry()
        fields = self.mapping(data, path, "a trigger")
        if fields is None:
            return None, Entry()
        if "type" not in fields:
            self.refuse(f"{path}/type", f"A trigger has a type: {spoken(TRIGGERS)}.")
            return None, Entry()
        return self._trigger(fields, path), self.entry(fields, path)

    def _trigger(self, fields: Fields, path: str) -> Trigger | None:
        match fields["type"]:
            case "event":
                if not self.keys(fields, path, ("type", "event"), ("where", *ENTRY)):
                    return None
                event = self.event(fields, path)
                return None if event is None else EventTrigger(event)
            case "message":
                if not self.keys(fields, path, ("type", "event", "target"), ("opens", *ENTRY)):
                    return None
                happened = self.message_event(fields, path)
                return None if happened is None else MessageTrigger(happened)
            case "segment":
                return self._segment_trigger(fields, path)
            case "schedule":
                return self._schedule(fields, path)
            case "api":
                return ApiTrigger() if self.keys(fields, path, ("type",), ENTRY) else None
        self.refuse(f"{path}/type", f"Expected one of {spoken(TRIGGERS)}, got {show(fields['type'])}.")
        return None

    def _segment_trigger(self, fields: Fields, path: str) -> SegmentTrigger | None:
        if not self.keys(fields, path, ("type", "segment"), ("on", "existing", *ENTRY)):
            return None
        segment = self.identity(fields["segment"], f"{path}/segment")
        on = self.choice(fields.get("on", "enters"), f"{path}/on", Crossing)
        existing = self.choice(fields.get("existing", "wait"), f"{path}/existing", Existing)
        if on is Crossing.LEAVES and existing is Existing.ENTER:
            self.refuse(f"{path}/existing", "Nobody has left the segment when the automation begins: leave it out.")
        return None if segment is None or on is None or existing is None else SegmentTrigger(segment, on, existing)

    def _schedule(self, fields: Fields, path: str) -> ScheduleTrigger | None:
        if not self.keys(fields, path, ("type", "at"), ("time_zone", "repeat", *ENTRY)):
            return None
        at = self.date(fields["at"], f"{path}/at")
        zone = self.zone(fields.get("time_zone", "UTC"), f"{path}/time_zone")
        repeat = fields.get("repeat")
        if repeat is not None:
            try:
                check_repeat(repeat)
            except RepeatError as error:
                self.refuse(f"{path}/repeat/{error.key}".rstrip("/"), str(error))
        if at is None or zone is None:
            return None
        return ScheduleTrigger(at, zone, repeat if isinstance(repeat, dict) else None)

    def entry(self, fields: Fields, path: str) -> Entry:
        reentry, pause = self.reentry(fields.get("reentry"), f"{path}/reentry")
        key = fields.get("key", "")
        if key != "":
            key = self.name(key, f"{path}/key", "the name of a property")
            if fields.get("type") not in ("event", "api"):
                self.refuse(f"{path}/key", "Only events, and calls of the API, have properties to be a key.")
        starts_at, ends_at = (
            None if fields.get(name) is None else self.date(fields[name], f"{path}/{name}")
            for name in ("starts_at", "ends_at")
        )
        if starts_at is not None and ends_at is not None and starts_at >= ends_at:
            self.refuse(f"{path}/ends_at", "It ends before it starts.")
        audience = self.tree(fields.get("audience"), f"{path}/audience", in_automation=False)
        cap = self.cap(fields.get("cap"), f"{path}/cap")
        return Entry(audience, reentry, pause, str(key or ""), cap, starts_at, ends_at)

    def reentry(self, data: object, path: str) -> tuple[Reentry, Any]:
        """{"rule": "never" | "always"} or {"rule": "after", "pause": a length of time}."""
        if data is None:
            return Reentry.NEVER, None
        fields = self.mapping(data, path, "a rule")
        if fields is None or not self.keys(fields, path, ("rule",), ("pause",)):
            return Reentry.NEVER, None
        rule = self.choice(fields["rule"], f"{path}/rule", Reentry) or Reentry.NEVER
        if (rule is Reentry.AFTER) != ("pause" in fields):
            self.refuse(f"{path}/pause", 'A pause goes with "after", and "after" needs one.')
            return rule, None
        return rule, self.duration(fields["pause"], f"{path}/pause") if rule is Reentry.AFTER else None

    def cap(self, data: object, path: str) -> EntryCap | None:
        if data is None:
            return None
        fields = self.mapping(data, path, "a cap")
        if fields is None or not self.keys(fields, path, ("most",), ("within",)):
            return None
        most = self.whole(fields["most"], f"{path}/most", 1, 2**31 - 1)
        within = self.duration(fields["within"], f"{path}/within") if fields.get("within") is not None else None
        return None if most is None else EntryCap(most, within)

    # Ends.

    def exits(self, data: object, path: str) -> tuple[EventCondition, ...]:
        if not isinstance(data, list) or len(data) > MOST_EXITS:
            self.refuse(path, f"Expected a list of up to {MOST_EXITS} events, got {show(data)}.")
            return ()
        found = []
        for index, item in enumerate(data):
            place = f"{path}/{index}"
            fields = self.mapping(item, place, "an event")
            if fields is not None and self.keys(fields, place, ("event",), ("where",)):
                event = self.event(fields, place)
                if event is not None:
                    found.append(event)
        return tuple(found)

    def goal(self, data: object, path: str) -> Goal | None:
        if data is None:
            return None
        fields = self.mapping(data, path, "a goal")
        if fields is None or not self.keys(fields, path, ("event", "within"), ("where", "exits")):
            return None
        event = self.event(fields, path)
        within = self.duration(fields["within"], f"{path}/within")
        exits = self.flag(fields.get("exits", True), f"{path}/exits")
        return None if event is None or within is None else Goal(event, within, bool(exits))


def encode(definition: Definition) -> dict[str, Any]:
    goal = definition.goal
    return {
        "trigger": None if definition.trigger is None else _trigger(definition.trigger) | _entry(definition.entry),
        "steps": write_steps(definition.steps),
        "exits": [write_event(event) for event in definition.exits],
        "goal": goal and {**write_event(goal.event), "within": write_duration(goal.within), "exits": goal.exits},
        "holdout": definition.holdout,
    }


def _trigger(trigger: Trigger) -> dict[str, Any]:
    match trigger:
        case EventTrigger(event):
            return {"type": "event", **write_event(event)}
        case MessageTrigger(happened):
            encoded = encode_condition(happened)
            return {"type": "message", **{k: encoded[k] for k in ("event", "target", "opens") if k in encoded}}
        case SegmentTrigger(segment, on, existing):
            return {"type": "segment", "segment": segment, "on": str(on), "existing": str(existing)}
        case ScheduleTrigger(at, zone, repeat):
            written = {"type": "schedule", "at": at.isoformat(), "time_zone": zone}
            return written if repeat is None else {**written, "repeat": dict(repeat)}
        case ApiTrigger():
            return {"type": "api"}


def _entry(entry: Entry) -> dict[str, Any]:
    """Without what has its default."""
    written: dict[str, Any] = {}
    if entry.audience is not None:
        written["audience"] = encode_condition(entry.audience)
    if entry.reentry is not Reentry.NEVER:
        written["reentry"] = {"rule": str(entry.reentry)}
        if entry.pause is not None:
            written["reentry"]["pause"] = write_duration(entry.pause)
    if entry.key:
        written["key"] = entry.key
    if entry.cap is not None:
        written["cap"] = {"most": entry.cap.most}
        if entry.cap.within is not None:
            written["cap"]["within"] = write_duration(entry.cap.within)
    for name in ("starts_at", "ends_at"):
        if (moment := getattr(entry, name)) is not None:
            written[name] = moment.isoformat()
    return written
