"""What a process keeps in memory stays below its limit, however small the entries and however long their names."""

from retargeting.memory import LEAST, Memory


def test_the_longest_unused_go_first():
    memory = Memory(limit=3 * (LEAST + 10))
    for name in "abc":
        memory.keep(name, name.upper(), 10)
    assert memory.get("a") == "A"
    memory.keep("d", "D", 10)
    assert [memory.get(name) for name in "abcd"] == ["A", None, "C", "D"]


def test_entries_without_size_are_bounded_too():
    memory = Memory(limit=100 * LEAST)
    for number in range(1_000):
        memory.keep(("sum", tuple(range(number))), [], 0)
    assert sum(memory.get(("sum", tuple(range(number)))) is not None for number in range(1_000)) == 100


def test_a_new_value_takes_the_place_of_the_old_one():
    memory = Memory(limit=2 * (LEAST + 10))
    for value in range(10):
        memory.keep("a", value, 10)
    memory.keep("b", "B", 10)
    assert (memory.get("a"), memory.get("b")) == (9, "B")
    memory.clear()
    assert memory.get("a") is None
