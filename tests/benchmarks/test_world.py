"""The world of the benchmarks is the same whoever asks for it, and like what it is meant to be like."""

import hashlib

import numpy as np

from benchmarks.events import MOST_ROWS, custom_events, message_events
from benchmarks.world import LABELS, World
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import EVENT_CODES


def digest(world: World) -> str:
    found = hashlib.sha256()
    for batch in [*message_events(world), *custom_events(world)]:
        found.update(batch.tobytes())
    found.update(world.traits.tags.tobytes() + world.list_members.tobytes())
    return found.hexdigest()


def test_a_seed_gives_one_world():
    assert digest(World(500, seed=1)) == digest(World(500, seed=1))
    assert digest(World(500, seed=1)) != digest(World(500, seed=2))


def test_message_events_come_in_order_and_not_after_the_end():
    world = World(20_000, seed=5)
    last, sizes = 0, []
    for batch in message_events(world):
        assert batch["moment"][0] >= last
        assert (np.diff(batch["moment"]) >= 0).all()
        last = batch["moment"][-1]
        sizes.append(len(batch))
    assert last <= world.end
    assert max(sizes) <= MOST_ROWS
    assert 90 <= sum(sizes) / world.people <= 110


def test_a_tenth_of_the_opens_are_by_machines():
    opens = np.concatenate(
        [batch[batch["event"] == EVENT_CODES[Interaction.OPENED]] for batch in message_events(World(5_000, seed=5))]
    )
    assert 0.07 < opens["machine"].mean() < 0.15


def test_labels_carry_as_many_campaigns_as_planned():
    world = World(100, seed=1)
    assert all(len({id for id in world.labels[code] if id <= 200}) == count for code, count in LABELS.items())
