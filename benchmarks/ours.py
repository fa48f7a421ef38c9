"""The product, asked as its clients ask it."""

from __future__ import annotations

import json
import random
import sys
import time

from django.db import connection
from django.test import Client
from pyroaring import BitMap

from benchmarks.database import server_settings
from benchmarks.engine import Answer, Engine
from benchmarks.machine import forget_peak, highest, resident
from benchmarks.shapes import shapes
from benchmarks.sizes import sizes
from benchmarks.world import World
from retargeting.accounts.actions import create_api_key
from retargeting.audiences import references
from retargeting.audiences.engine import evaluate
from retargeting.audiences.explain import person_facts
from retargeting.conditions import codec
from retargeting.conditions.facts import Context
from retargeting.conditions.person import evaluate as verdict
from retargeting.memory import Memory
from retargeting.profiles.models import Profile


class Ours(Engine):
    """The product: POST /api/v1/audiences/count/ through Django's test client, with all middleware, in process.

    "cold" empties every memory of worked-out answers first. The database's and the system's own caches stay warm, as
    they are for all four.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.shapes = {shape.name: shape for shape in shapes(world)}
        _, key = create_api_key(actor=None, name="benchmark", scopes=["read"])
        self.client = Client(SERVER_NAME="localhost", HTTP_AUTHORIZATION=f"Bearer {key}")
        self.client.get("/api/v1/labels/")
        self.idle = resident()
        forget_peak()

    def measure(self, name: str, mode: str) -> Answer:
        shape = self.shapes[name]
        if mode != "warm":
            empty_memories()
        if mode == "after":
            assert shape.after
            self._count(shape.after)
        started = time.perf_counter()
        answer = self._count(name)
        ms = (time.perf_counter() - started) * 1000
        return {"ms": ms, "evaluation_ms": answer["took_ms"], "count": answer["count"]}

    def _count(self, name: str) -> Answer:
        shape = self.shapes[name]
        body: Answer = {"audience": shape.tree}
        if shape.as_of:
            body["as_of"] = shape.as_of.isoformat()
        response = self.client.post("/api/v1/audiences/count/", json.dumps(body), content_type="application/json")
        if response.status_code != 200:
            raise RuntimeError(f"{name}: {response.content.decode()}")
        answer: Answer = response.json()
        return answer

    def ids(self, name: str) -> tuple[int, int]:
        members = self._members(name)
        return len(members), sum(members)

    def _members(self, name: str) -> BitMap:
        shape = self.shapes[name]
        return evaluate(codec.decode(shape.tree), as_of=shape.as_of).members

    def handle(self, question: Answer) -> Answer:
        if question["do"] == "check people":
            return self.check_people(question["people"])
        return super().handle(question)

    def check_people(self, count: int) -> Answer:
        """Hold every shape against the evaluation for one person, for people drawn at random."""
        drawn = random.Random(self.world.seed).sample(range(1, self.world.people + 1), count)
        facts = {id: person_facts(Profile.objects.get(pk=id)) for id in drawn}
        for name, shape in self.shapes.items():
            tree = codec.decode(shape.tree)
            names = references.look_up(tree)
            members = self._members(name)
            context = Context(shape.as_of or self.world.until, names.trees, names)
            for id, person in facts.items():
                if verdict(tree, person, context).met != (id in members):
                    raise AssertionError(f"{name}: the evaluation for person {id} alone says otherwise")
        return {"people": count, "shapes": len(self.shapes)}

    def about(self) -> Answer:
        return {
            "idle_bytes": self.idle,
            "grown_bytes": highest() - self.idle,
            "sizes": sizes(),
            "settings": server_settings(),
            "server": _server_version(),
        }


def empty_memories() -> None:
    """Have the product forget all answers that it keeps: every Memory of its modules."""
    for name, module in list(sys.modules.items()):
        if name.startswith("retargeting."):
            for value in vars(module).values():
                if isinstance(value, Memory):
                    value.clear()


def _server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version: str = cursor.fetchone()[0]
    return version
