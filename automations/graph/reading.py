"""Reads the parts of an automation that hold conditions, events and times."""

from __future__ import annotations

from datetime import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from automations.graph.nodes import ClockTime, Weekday
from retargeting.conditions import codec
from retargeting.conditions.errors import ConditionErrors
from retargeting.conditions.nodes import Duration, EventCondition, Group, MessageCondition, Scalar, Unit
from retargeting.conditions.reading import Reader, show, step_into

Fields = dict[object, object]
OCCURRED = {"type": "occurred", "value": True}
MOST_AMOUNT = 10_000
MOST_ATTRIBUTES = 50


class GraphReader(Reader):
    """Collects the mistakes of one definition, those inside its trees included."""

    def tree(self, data: object, path: str, *, in_automation: bool = True) -> Group | None:
        """A tree of conditions; null is one that is not built yet."""
        if data is None:
            return None
        try:
            return codec.decode(data, path=path, in_automation=in_automation)
        except ConditionErrors as errors:
            for error in errors.errors:
                self.refuse(error.path, error.message)
            return None

    def _condition(self, condition: dict[str, object], path: str) -> object:
        """One condition, read as the only one of a tree; mistakes are told where they are."""
        inside = "/conditions/0"
        try:
            return codec.decode({"match": "all", "conditions": [condition]}).conditions[0]
        except ConditionErrors as errors:
            for error in errors.errors:
                self.refuse(path + error.path.removeprefix(inside), error.message)
            return None

    def event(self, fields: Fields, path: str) -> EventCondition | None:
        """{"event": name, "where": […]} out of `fields`, which may have other keys."""
        given = {str(key): fields[key] for key in ("event", "where") if key in fields}
        found = self._condition({"kind": "event", "test": OCCURRED, **given}, path)
        return found if isinstance(found, EventCondition) else None

    def message_event(self, fields: Fields, path: str) -> MessageCondition | None:
        given = {str(key): fields[key] for key in ("event", "target", "opens") if key in fields}
        found = self._condition({"kind": "message", "test": OCCURRED, **given}, path)
        return found if isinstance(found, MessageCondition) else None

    def duration(self, data: object, path: str) -> Duration | None:
        fields = self.mapping(data, path, "a length of time")
        if fields is None or not self.keys(fields, path, ("amount", "unit")):
            return None
        amount = self.whole(fields["amount"], f"{path}/amount", 1, MOST_AMOUNT)
        unit = self.choice(fields["unit"], f"{path}/unit", Unit)
        return None if amount is None or unit is None else Duration(amount, unit)

    def clock_time(self, data: object, path: str) -> ClockTime | None:
        fields = self.mapping(data, path, "a time of day")
        if fields is None or not self.keys(fields, path, ("time",), ("weekdays", "time_zone")):
            return None
        at = self.time_of_day(fields["time"], f"{path}/time")
        weekdays: tuple[Weekday, ...] | None = ()
        if fields.get("weekdays", []) != []:
            weekdays = self.items(fields["weekdays"], f"{path}/weekdays", self.weekday, "weekdays")
        zone = self.zone(fields.get("time_zone", "UTC"), f"{path}/time_zone")
        if at is None or weekdays is None or zone is None:
            return None
        return ClockTime(at, tuple(sorted(weekdays, key=list(Weekday).index)), zone)

    def weekday(self, data: object, path: str) -> Weekday | None:
        return self.choice(data, path, Weekday)

    def time_of_day(self, data: object, path: str) -> time | None:
        try:
            found = time.fromisoformat(data) if isinstance(data, str) and len(data) == 5 else None
        except ValueError:
            found = None
        if found is None:
            self.refuse(path, f'Expected a time of day such as "09:30", got {show(data)}.')
        return found

    def zone(self, data: object, path: str) -> str | None:
        try:
            if isinstance(data, str) and data:
                return ZoneInfo(data).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
        self.refuse(path, f'Expected a time zone such as "Europe/Paris", got {show(data)}.')
        return None

    def values(self, data: object, path: str, what: str, *, nulls: bool = False) -> dict[str, Scalar | None] | None:
        """An object of names with plain values."""
        fields = self.mapping(data, path, what)
        if fields is None:
            return None
        if len(fields) > MOST_ATTRIBUTES:
            self.refuse(path, f"Expected at most {MOST_ATTRIBUTES} of {what}, got {len(fields):,}.")
            return None
        found: dict[str, Scalar | None] = {}
        for key, value in fields.items():
            name = self.name(key, path, "a name")
            if name is None:
                continue
            place = step_into(path, name)
            if value is None and nulls:
                found[name] = None
            elif (scalar := self.scalar(value, place)) is not None:
                found[name] = scalar
        return found

    def optional_name(self, fields: Fields, path: str, most: int = 200) -> str:
        """A name that may be left out, under "name"."""
        value = fields.get("name", "")
        if value == "":
            return ""
        found = self.text(value, f"{path}/name", "a name")
        if found is not None and len(found) > most:
            self.refuse(f"{path}/name", f"This name has {len(found):,} characters; at most {most} fit.")
        return found or ""
