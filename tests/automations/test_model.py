"""The engine against a slow interpreter that takes one person at a time: same messages, same ways, none twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import OperationalError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from automations import actions, publishing
from automations.engine import reacting, running
from automations.engine.asking import Asker
from automations.engine.batch import due
from automations.engine.deciding import decide
from automations.engine.running import move_due, steps_with_due
from automations.engine.writing import write
from automations.graph import codec
from automations.models import Automation, Journey, Passage
from automations.publishing import People
from automations.versions import published
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.actions import accept_events
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Delivery
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Profile
from tests.automations.conftest import Town
from tests.automations.definitions import delay, opened, push

pytestmark = pytest.mark.django_db(transaction=True)

RULES = {"trigger": {"type": "event", "event": "ordered"}, "exits": [{"event": "bought"}]}
START = datetime(2026, 5, 4, 9, tzinfo=UTC)
PEOPLE = st.tuples(st.sampled_from(["free", "pro"]), st.sampled_from([20, 80]))
"""The plan of somebody, and the value of their order."""


# Graphs: plans of steps, which get their keys in the order in which they stand.

DELAYS = st.integers(1, 3)
STEPS = st.one_of(DELAYS, DELAYS, st.just("push"), st.just("push"), st.just("exit"))
SPLITS = st.sampled_from(["opened", "plan", "large", "paid", "paid"])


def branching(inner: st.SearchStrategy[list[Any]], most: int) -> st.SearchStrategy[list[Any]]:
    splits = st.tuples(SPLITS, inner, inner)
    return st.lists(st.one_of(STEPS, splits, splits), min_size=1, max_size=most)


INNERMOST = st.lists(STEPS, max_size=2)
GRAPHS = st.tuples(DELAYS, branching(branching(INNERMOST, 2), 3)).map(lambda drawn: [drawn[0], *drawn[1]])
"""With a delay behind the first push, so that people are under way when something happens."""


def graph_of(plan: list[Any], automation: int) -> list[dict[str, Any]]:
    """A push first, so that a split has something to ask about; a split asks about the push before it."""
    numbers, pushes = iter(range(1, 1000)), ["first"]

    def steps(items: list[Any]) -> Iterator[dict[str, Any]]:
        for item in items:
            number = next(numbers)
            match item:
                case "push":
                    pushes.append(f"push-{number}")
                    yield push(f"push-{number}")
                case "exit":
                    yield {"key": f"exit-{number}", "type": "exit"}
                case int():
                    yield delay(f"delay-{number}", item)
                case ("paid", met, timed_out):
                    wait = {"key": f"wait-{number}", "type": "wait_until", "event": "paid", "timeout": TWO_HOURS}
                    yield {**wait, "met": list(steps(met)), "timed_out": list(steps(timed_out))}
                case (kind, yes, no):
                    asked = {"opened": opened(automation, pushes[-1]), "plan": on_plan("pro"), "large": LARGE}[kind]
                    split = {"key": f"split-{number}", "type": "split", "condition": asked}
                    yield {**split, "yes": list(steps(yes)), "no": list(steps(no))}

    return [push("first"), *steps(plan)]


def keys_in(step: dict[str, Any]) -> set[str]:
    """Its own and those of the steps in its branches."""
    inner = (each for way in ("yes", "no", "met", "timed_out") for each in step.get(way, ()))
    return {step["key"]}.union(*(keys_in(each) for each in inner))


TWO_HOURS = {"amount": 2, "unit": "hour"}
LARGE = {
    "match": "all",
    "conditions": [{"kind": "entry", "property": "value", "operator": "at_least", "value": 50}],
}


def on_plan(plan: str) -> dict[str, Any]:
    condition = {"kind": "attribute", "attribute": "plan", "operator": "is", "value": plan}
    return {"match": "all", "conditions": [condition]}


# The interpreter.


@dataclass
class Walker:
    """One person: what is still to come, as a stack of lists; what they got and opened; and where they wait."""

    plan: str
    value: int
    to_come: list[list[dict[str, Any]]] = field(default_factory=list)
    got: list[str] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    passed: list[tuple[str, str]] = field(default_factory=list)
    at: str = ""
    goes_on: datetime | None = None
    met: bool = False

    def go(self, now: datetime) -> None:
        if self.to_come and self.goes_on is None:
            self.at = ""
        while self.to_come:
            if not self.to_come[-1]:
                self.to_come.pop()
                continue
            step = self.to_come[-1][0]
            if step["type"] in ("delay", "wait_until") and self.waits(step, now):
                return
            self.to_come[-1] = self.to_come[-1][1:]
            self.take(step)
        self.at = self.at or "finished"

    def waits(self, step: dict[str, Any], now: datetime) -> bool:
        if self.goes_on is None:
            hours = (step.get("for") or step["timeout"])["amount"]
            self.at, self.goes_on, self.met = step["key"], now + timedelta(hours=hours), False
        if not self.met and now < self.goes_on:
            return True
        self.at, self.goes_on = "", None
        return False

    def pay(self, now: datetime) -> None:
        if self.at.startswith("wait-") and self.goes_on is not None and now < self.goes_on:
            self.met = True

    def buy(self) -> None:
        if self.to_come:
            self.to_come, self.at, self.goes_on = [], "exit_event", None

    def take(self, step: dict[str, Any]) -> None:
        way = ""
        match step["type"]:
            case "message" if step["key"] not in self.got:
                self.got.append(step["key"])
            case "exit":
                self.to_come, self.at = [], "exit"
            case "split":
                [condition] = step["condition"]["conditions"]
                match condition["kind"]:
                    case "attribute":
                        yes = self.plan == "pro"
                    case "entry":
                        yes = self.value >= 50
                    case _:
                        yes = condition["target"]["keys"][0] in self.opened
                way = "yes" if yes else "no"
                self.to_come.append(list(step[way]))
            case "wait_until":
                way = "met" if self.met else "timed_out"
                self.to_come.append(list(step[way]))
        self.passed.append((step["key"], way))


class Machine(RuleBasedStateMachine):
    town: Town

    @initialize(plan=GRAPHS, people=st.lists(PEOPLE, min_size=2, max_size=4))
    def begin(self, plan: list[Any], people: list[tuple[str, int]]) -> None:
        self.clock = time_machine.travel(START, tick=False)
        self.traveller = self.clock.start()
        self.now, self.walkers = START, {}
        self.paused = False
        self.automation: Automation = self.town.automation(lambda id: {**RULES, "steps": graph_of(plan, id)})
        self.steps = graph_of(plan, self.automation.pk)
        for each in people:
            self.let_in(*each)

    def teardown(self) -> None:
        if hasattr(self, "steps"):
            try:
                self.resume()
                self.tick()
            finally:  # events are for every automation that runs
                publishing.stop(actor=None, automation=self.automation)
                self.clock.stop()

    def tell(self, person: Profile, event: str, **properties: int) -> None:
        """An event reaches the API, twice, and is read."""
        item = {"id": str(uuid4()), "profile": person.external_id, "event": event, "properties": properties}
        for _ in range(2):
            assert not accept_events(actor=None, items=[{**item, "occurred_at": self.now.isoformat()}]).errors
        reacting.read_events()

    def somebody(self, data: st.DataObject) -> Profile:
        return Profile.objects.get(pk=data.draw(st.sampled_from(sorted(self.walkers))))

    @precondition(lambda self: not self.paused)
    @rule(person=PEOPLE)
    def enter(self, person: tuple[str, int]) -> None:
        self.let_in(*person)

    def let_in(self, plan: str, value: int) -> None:
        [person] = self.town.people(1, plan=plan)
        self.tell(person, "ordered", value=value)
        self.tell(person, "ordered", value=100 - value)
        self.walkers[person.pk] = Walker(plan, value, [list(self.steps)], at=self.steps[0]["key"])

    @precondition(lambda self: self.walkers)
    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        person = self.somebody(data)
        self.tell(person, "paid")
        self.walkers[person.pk].pay(self.now)

    @precondition(lambda self: self.walkers)
    @rule(data=st.data())
    def buy(self, data: st.DataObject) -> None:
        """Ends the journey at once, also while nobody moves."""
        person = self.somebody(data)
        self.tell(person, "bought")
        self.walkers[person.pk].buy()

    @precondition(lambda self: not self.paused)
    @rule()
    def pause(self) -> None:
        publishing.pause(actor=None, automation=self.automation)
        self.paused = True

    @precondition(lambda self: self.paused)
    @rule()
    def resume_and_go_on(self) -> None:
        self.resume()
        self.tick()

    def resume(self) -> None:
        if self.paused:
            publishing.resume(actor=None, automation=self.automation)
            self.paused = False

    @rule(hours=st.integers(1, 4), late=st.booleans())
    def time_passes(self, hours: int, late: bool) -> None:
        self.now += timedelta(hours=hours)
        self.traveller.move_to(self.now)
        if not late:
            self.tick()

    @rule()
    def tick(self) -> None:
        self.town.move()
        self.town.send()
        for walker in self.walkers.values():
            if not self.paused:
                walker.go(self.now)
        self.compare()

    @rule()
    def tick_of_one_that_is_killed_before_its_commit(self) -> None:
        def killed(*arguments: Any) -> int:
            with transaction.atomic():
                write(*arguments)
                raise OperationalError("killed")

        before = self.state()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(running, "write", killed)
            with contextlib.suppress(OperationalError):
                move_due()
        assert self.state() == before

    @rule()
    def tick_with_one_that_is_late(self) -> None:
        late: list[Callable[[], int]] = []
        for automation, version, step in steps_with_due(self.now):
            batch = due(automation, version, step, self.now)
            if batch is not None and len(batch):
                decision = decide(batch, published(version)[1], Asker(batch))
                late.append(lambda batch=batch, decision=decision: write(batch, decision))
        self.tick()
        assert [each() for each in late] == [0] * len(late)
        self.compare()

    @precondition(lambda self: any(set(walker.got) - walker.opened for walker in self.walkers.values()))
    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        unread = [(id, key) for id, each in self.walkers.items() for key in each.got if key not in each.opened]
        id, key = data.draw(st.sampled_from(unread))
        delivery = Delivery.objects.get(profile_id=id, dispatch__step__key=key)
        assert record_reaction(recipient=Recipient(delivery.dispatch_id, id), event=Interaction.OPENED)
        self.walkers[id].opened.add(key)

    @precondition(lambda self: len(self.steps) < 20)
    @rule(people=st.sampled_from([People.FINISH, People.MOVE]))
    def publish_with_another_step_at_the_end(self, people: People) -> None:
        self.publish([*self.steps, push(f"more-{len(self.steps)}")], people)

    @rule(people=st.sampled_from([People.FINISH, People.MOVE]))
    def publish_with_the_first_step_at_the_end(self, people: People) -> None:
        self.publish([*self.steps[1:], self.steps[0]], people)

    def publish(self, steps: list[dict[str, Any]], people: People) -> None:
        """Whoever is on the way finishes the version they are on, or goes on in the new one from where they are."""
        self.steps = steps
        definition = codec.decode({**RULES, "steps": steps})
        actions.save_draft(actor=None, automation=self.automation, definition=definition)
        publishing.publish(actor=None, automation=self.automation, people=people)
        for walker in self.walkers.values():
            if people is People.MOVE and walker.to_come:
                place = next(number for number, step in enumerate(steps) if walker.at in keys_in(step))
                behind = walker.at != steps[place]["key"]
                walker.to_come[0] = steps[place + behind :]

    def state(self) -> tuple[list[Any], list[Any]]:
        journeys = Journey.objects.filter(automation=self.automation)
        passages = Passage.objects.filter(journey__in=journeys)
        return sorted(journeys.values_list("pk", "step", "way", "due_at")), sorted(passages.values_list("pk"))

    def compare(self) -> None:
        names = dict(Profile.objects.filter(pk__in=self.walkers).values_list("external_id", "pk"))
        at = {names[name]: place for name, place in self.town.at(self.automation).items()}
        assert at == {id: walker.at for id, walker in self.walkers.items()}
        for id, walker in self.walkers.items():
            person = Profile(pk=id)
            assert sorted(self.town.got(person)) == sorted(walker.got)
            passed = Passage.objects.filter(profile_id=id).order_by("pk").values_list("step", "way")
            assert sorted(passed) == sorted(walker.passed)


def test_the_engine_does_what_a_slow_interpreter_does(town):
    machine = type("MachineInTown", (Machine,), {"town": town})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
