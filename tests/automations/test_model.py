"""The engine against a slow interpreter that takes one person at a time: same messages, same ways, none twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from automations import actions, publishing
from automations.engine import running
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
from retargeting.messaging.actions import record_reaction
from retargeting.messaging.models import Delivery
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Profile
from tests.automations.conftest import Town
from tests.automations.definitions import delay, opened, push

pytestmark = pytest.mark.django_db

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
PLANS = ["free", "pro"]


# Graphs: plans of steps, which get their keys in the order in which they stand.

SIMPLE = st.one_of(st.just("push"), st.integers(1, 3), st.just("exit"))
SPLITS = st.sampled_from(["opened", "plan"])
GRAPHS = st.recursive(
    st.lists(SIMPLE, max_size=3),
    lambda inner: st.lists(st.one_of(SIMPLE, st.tuples(SPLITS, inner, inner)), max_size=4),
    max_leaves=8,
)


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
                case (kind, yes, no):
                    asked = opened(automation, pushes[-1]) if kind == "opened" else on_plan("pro")
                    split = {"key": f"split-{number}", "type": "split", "condition": asked}
                    yield {**split, "yes": list(steps(yes)), "no": list(steps(no))}

    return [push("first"), *steps(plan)]


def on_plan(plan: str) -> dict[str, Any]:
    condition = {"kind": "attribute", "attribute": "plan", "operator": "is", "value": plan}
    return {"match": "all", "conditions": [condition]}


# The interpreter.


@dataclass
class Walker:
    """One person: what is still to come, as a stack of lists; what they got and opened; and where they wait."""

    plan: str
    to_come: list[list[dict[str, Any]]] = field(default_factory=list)
    got: list[str] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    passed: list[tuple[str, str]] = field(default_factory=list)
    at: str = ""
    goes_on: datetime | None = None

    def go(self, now: datetime) -> None:
        while self.to_come:
            if not self.to_come[-1]:
                self.to_come.pop()
                continue
            step = self.to_come[-1][0]
            if step["type"] == "delay" and self.waits(step, now):
                return
            self.to_come[-1] = self.to_come[-1][1:]
            self.take(step)
        self.at = self.at or "finished"

    def waits(self, step: dict[str, Any], now: datetime) -> bool:
        if self.goes_on is None:
            self.at, self.goes_on = step["key"], now + timedelta(hours=step["for"]["amount"])
        if now < self.goes_on:
            return True
        self.at, self.goes_on = "", None
        return False

    def take(self, step: dict[str, Any]) -> None:
        way = ""
        match step["type"]:
            case "message":
                self.got.append(step["key"])
            case "exit":
                self.to_come, self.at = [], "exit"
            case "split":
                [condition] = step["condition"]["conditions"]
                asked = condition["kind"]
                yes = self.plan == "pro" if asked == "attribute" else condition["target"]["keys"][0] in self.opened
                way = "yes" if yes else "no"
                self.to_come.append(list(step[way]))
        self.passed.append((step["key"], way))


class Machine(RuleBasedStateMachine):
    town: Town

    @initialize(plan=GRAPHS)
    def begin(self, plan: list[Any]) -> None:
        self.clock = time_machine.travel(START, tick=False)
        self.traveller = self.clock.start()
        self.now, self.walkers = START, {}
        self.plan = plan
        self.automation: Automation = self.town.automation(lambda id: {"steps": graph_of(plan, id)})
        self.steps = graph_of(plan, self.automation.pk)

    def teardown(self) -> None:
        if hasattr(self, "clock"):
            self.tick()
            self.clock.stop()

    @rule(plan=st.sampled_from(PLANS))
    def enter(self, plan: str) -> None:
        number = Profile.objects.count()
        [person] = self.town.people(1, plan=plan)
        assert person.external_id == f"p{number}"
        assert self.town.enter(self.automation, person) == 1
        assert self.town.enter(self.automation, person) == 0
        self.walkers[person.pk] = Walker(plan, [list(self.steps)])

    @rule(hours=st.integers(1, 4))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.traveller.move_to(self.now)

    @rule()
    def tick(self) -> None:
        self.town.move()
        self.town.send()
        for walker in self.walkers.values():
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

    @rule()
    def publish_with_another_step_at_the_end(self) -> None:
        """Whoever is on the way finishes the version they are on."""
        if len(self.steps) > 20:
            return
        self.steps = [*self.steps, push(f"more-{len(self.steps)}")]
        definition = codec.decode({"trigger": {"type": "api"}, "steps": self.steps})
        actions.save_draft(actor=None, automation=self.automation, definition=definition)
        publishing.publish(actor=None, automation=self.automation, people=People.FINISH)

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
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
