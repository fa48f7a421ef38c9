"""Kept sets of people are those that the rows give, after any changes, by whomever, in whatever order they commit."""

from __future__ import annotations

import contextlib
import random
import threading

import pytest
from django.db import IntegrityError, connection, transaction
from pyroaring import BitMap

from retargeting.bitmaps import fetch_bitmap
from retargeting.conditions.nodes import Channel
from retargeting.interactions.reading import snapshot
from retargeting.profiles.models import (
    Address,
    AttributeValue,
    ListMember,
    PeopleSet,
    Profile,
    ProfileChange,
    ProfileList,
    SetState,
    Suppression,
)
from retargeting.profiles.sets.reading import EVERYBODY, Question, Sets, on_list, reachable_on
from retargeting.profiles.sets.refreshing import MOST_VALUES, refresh

pytestmark = pytest.mark.django_db(transaction=True)


def in_city(city: str) -> Question:
    condition = f"attributes -> 'city' = '\"{city}\"'"
    return Question(f"in {city}", "profile", f"SELECT id FROM profiles_profile WHERE {condition}")


def without_plan() -> Question:
    return Question("no plan", "profile", "SELECT id FROM profiles_profile WHERE attributes -> 'plan' IS NULL")


def answers(list_ids: list[int]) -> dict[str, tuple[BitMap, BitMap]]:
    """Each question's name → what is kept, brought up to date, and what the rows give."""
    questions = [EVERYBODY, *map(reachable_on, Channel), *map(on_list, list_ids)]
    with snapshot():
        sets = Sets()
        found = {question.name: sets.who(question) for question in questions}
        for question, attribute in ((in_city("Rome"), "city"), (in_city("Oslo"), "city"), (without_plan(), "plan")):
            questions.append(question)
            found[question.name] = sets.who_has(question, attribute, question.sql.partition(" WHERE ")[2])
        return {
            question.name: (found[question.name], fetch_bitmap(question.sql, question.params))
            for question in questions
        }


def assert_right(list_ids: list[int]) -> None:
    for name, (kept, rows) in answers(list_ids).items():
        assert kept == rows, name


class Life:
    """Random changes by all the ways in which rows change: one by one, many at once, deleted with their owner."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lists = [ProfileList.objects.create(name=f"list {number}").pk for number in range(2)]
        self.number = 0

    def step(self) -> None:
        self.random.choice(
            [self.arrive, self.arrive, self.change, self.leave, self.address, self.address, self.consent,
             self.suppress, self.relieve, self.join, self.part, self.refresh, self.refresh_all]
        )()  # fmt: skip

    def someone(self) -> Profile | None:
        return self.random.choice(list(Profile.objects.all()) or [None])

    def attributes(self) -> dict[str, str]:
        chosen = {"city": self.random.choice(["Rome", "Oslo", "Bern"]), "plan": self.random.choice(["free", "paid"])}
        return {key: value for key, value in chosen.items() if self.random.random() < 0.7}

    def arrive(self) -> None:
        self.number += 3
        Profile.objects.bulk_create(
            Profile(external_id=f"p{self.number - n}", attributes=self.attributes()) for n in range(3)
        )

    def change(self) -> None:
        Profile.objects.filter(pk__in=[self.random.randint(1, 50) for _ in range(5)]).update(
            attributes=self.attributes()
        )

    def leave(self) -> None:
        if person := self.someone():
            person.delete()

    def address(self) -> None:
        if person := self.someone():
            Address.objects.get_or_create(
                profile=person, channel=self.random.choice(list(Channel)), address=f"a{self.random.randint(1, 4)}"
            )

    def consent(self) -> None:
        Address.objects.filter(address=f"a{self.random.randint(1, 4)}").update(
            subscribed=self.random.random() < 0.5, channel=self.random.choice(list(Channel))
        )

    def suppress(self) -> None:
        Suppression.objects.get_or_create(
            channel=self.random.choice(list(Channel)), address=f"a{self.random.randint(1, 4)}", reason="manual"
        )

    def relieve(self) -> None:
        Suppression.objects.filter(address=f"a{self.random.randint(1, 4)}").delete()

    def join(self) -> None:
        if person := self.someone():
            ListMember.objects.get_or_create(profile=person, list_id=self.random.choice(self.lists))

    def part(self) -> None:
        ListMember.objects.filter(list_id=self.random.choice(self.lists)).delete()

    def refresh(self) -> None:
        assert refresh()

    def refresh_all(self) -> None:
        """As after a while: the notes of changes that all stored sets know are dropped."""
        SetState.objects.update(next_at="2020-01-01T00:00Z")
        assert refresh(look_for_attributes=True)


@pytest.mark.parametrize("seed", range(6))
def test_kept_sets_are_those_of_the_rows(seed):
    refresh()
    life = Life(seed)
    for _ in range(60):
        with contextlib.suppress(InterruptedError, IntegrityError), transaction.atomic():
            life.step()
            if life.random.random() < 0.2:
                raise InterruptedError
        if life.random.random() < 0.5:
            assert_right(life.lists)
    refresh(look_for_attributes=True)
    assert_right(life.lists)
    assert AttributeValue.objects.filter(attribute="city").exists()


def test_an_address_and_its_suppression_by_transactions_that_do_not_see_one_another():
    refresh()
    person = Profile.objects.create(external_id="ana")
    begun, end = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            Address.objects.create(profile=person, channel="email", address="ana@example.org")
            begun.set()
            end.wait(10)
        connection.close()

    thread = threading.Thread(target=slowly)
    thread.start()
    begun.wait(10)
    Suppression.objects.create(channel="email", address="ana@example.org", reason="manual")
    refresh()
    assert_right([])
    end.set()
    thread.join()
    assert_right([])
    refresh()
    assert_right([])
    assert not answers([])["reachable:email"][0]


def test_what_a_transaction_changed_itself_counts_for_it_and_is_not_kept_when_it_is_undone():
    refresh()
    Profile.objects.create(external_id="ana")
    assert len(answers([])["everybody"][0]) == 1
    with transaction.atomic():
        Profile.objects.create(external_id="ben")
        assert len(answers([])["everybody"][0]) == 2
        transaction.set_rollback(True)
    assert len(answers([])["everybody"][0]) == 1


def test_an_attribute_with_many_values_has_no_sets_of_its_own():
    Profile.objects.bulk_create(
        Profile(external_id=f"p{n}", attributes={"n": n, "b": n % 2}) for n in range(2 * MOST_VALUES)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profiles_profile")
    refresh(look_for_attributes=True)
    assert AttributeValue.objects.filter(attribute="n").count() == 0
    assert AttributeValue.objects.filter(attribute="b").count() == 2
    Profile.objects.bulk_create(Profile(external_id=f"q{n}", attributes={"b": n}) for n in range(3 * MOST_VALUES))
    refresh(look_for_attributes=True)
    assert AttributeValue.objects.filter(attribute="b").count() == 0
    assert not PeopleSet.objects.filter(name="attribute:b").exists()


def test_notes_of_changes_go_after_a_while():
    refresh()
    Profile.objects.create(external_id="ana")
    for _ in range(3):
        SetState.objects.update(next_at="2020-01-01T00:00Z")
        refresh()
    assert ProfileChange.objects.count() == 0
    assert_right([])


def test_after_a_restore_elsewhere_nothing_is_answered_from_before():
    refresh()
    PeopleSet.objects.update(members=b"")  # of a cluster that is another one now
    with connection.cursor() as cursor:
        cursor.execute("UPDATE profiles_peopleset SET cluster = 1")
    Profile.objects.create(external_id="ana")
    assert_right([])
    Profile.objects.create(external_id="ben")
    refresh()
    assert_right([])
    refresh()
    assert_right([])
