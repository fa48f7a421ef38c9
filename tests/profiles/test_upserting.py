import threading
import time

import pytest
from django.db import connection

from retargeting.profiles.actions import erase, set_subscription, suppress, unsuppress, upsert_profiles
from retargeting.profiles.models import Address, Profile, Suppression

pytestmark = pytest.mark.django_db


def upsert(*items):
    return upsert_profiles(actor=None, items=items)


def ana() -> Profile:
    return Profile.objects.get(external_id="ana")


def test_new_people_are_created_and_known_ones_added_to():
    assert upsert({"external_id": "ana", "attributes": {"city": "Paris", "age": 30}})[:2] == (1, 0)
    result = upsert(
        {"external_id": "ana", "attributes": {"city": "Lyon", "vip": True}, "language": "fr"},
        {"external_id": "ben", "attributes": {"city": None}},
    )
    assert result == (1, 1, [])
    assert ana().attributes == {"city": "Lyon", "age": 30, "vip": True}
    assert ana().language == "fr"
    assert Profile.objects.get(external_id="ben").attributes == {}


def test_null_removes_one_attribute_and_clears_language_and_zone():
    upsert({"external_id": "ana", "attributes": {"a": 1, "b": 2}, "language": "fr", "time_zone": "Europe/Paris"})
    upsert({"external_id": "ana", "attributes": {"a": None}})
    assert (ana().attributes, ana().language, ana().time_zone) == ({"b": 2}, "fr", "Europe/Paris")
    upsert({"external_id": "ana", "language": None, "time_zone": ""})
    assert (ana().attributes, ana().language, ana().time_zone) == ({"b": 2}, "", "")


def test_known_people_use_up_no_ids():
    for _ in range(50):
        upsert({"external_id": "ana", "attributes": {"a": 1}})
    upsert({"external_id": "ben"})
    assert Profile.objects.get(external_id="ben").id == ana().id + 1


def test_what_does_not_change_is_not_written():
    item = {"external_id": "ana", "attributes": {"a": [1, 2]}, "addresses": [{"channel": "push", "address": "t"}]}
    upsert(item)
    before = ana().updated_at
    upsert(item)
    assert ana().updated_at == before
    upsert({**item, "attributes": {"a": [1]}})
    assert ana().attributes == {"a": [1]}
    assert ana().updated_at > before


def test_an_address_closed_by_its_owner_is_reopened_only_by_saying_so():
    address = {"channel": "email", "address": "Ana@Example.com"}
    upsert({"external_id": "ana", "addresses": [address]})
    stored = ana().addresses.get()
    assert (stored.address, stored.subscribed) == ("ana@example.com", True)
    set_subscription(actor=None, address=stored, subscribed=False)
    upsert({"external_id": "ana", "addresses": [address]})
    assert not ana().addresses.get().subscribed
    upsert({"external_id": "ana", "addresses": [{**address, "subscribed": True}]})
    assert ana().addresses.get().subscribed


def test_phones_are_kept_as_e164():
    upsert({"external_id": "ana", "addresses": [{"channel": "sms", "address": "+33 6 12 34 56 78"}]})
    assert ana().addresses.get().address == "+33612345678"


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (None, ""),
        ([], ""),
        ({}, "/external_id"),
        ({"external_id": ""}, "/external_id"),
        ({"external_id": "  "}, "/external_id"),
        ({"external_id": 7}, "/external_id"),
        ({"external_id": "x" * 256}, "/external_id"),
        ({"external_id": "a\x00b"}, "/external_id"),
        ({"external_id": "a\ud800"}, "/external_id"),
        ({"external_id": "a\nb"}, "/external_id"),
        ({"external_id": "bulk"}, "/external_id"),
        ({"external_id": "a/timeline"}, "/external_id"),
        ({"external_id": "a", "extra~/": 1}, "/extra~0~1"),
        ({"external_id": "a", "attributes": []}, "/attributes"),
        ({"external_id": "a", "attributes": {"": 1}}, "/attributes/"),
        ({"external_id": "a", "attributes": {"n" * 101: 1}}, "/attributes/" + "n" * 59 + "…"),
        ({"external_id": "a", "attributes": {"a/b": {}}}, "/attributes/a~1b"),
        ({"external_id": "a", "attributes": {"a": [1, None]}}, "/attributes/a/1"),
        ({"external_id": "a", "attributes": {"a": [[1]]}}, "/attributes/a/0"),
        ({"external_id": "a", "attributes": {"a": float("nan")}}, "/attributes/a"),
        ({"external_id": "a", "attributes": {"a": 2**63}}, "/attributes/a"),
        ({"external_id": "a", "attributes": {"a": "\x00"}}, "/attributes/a"),
        ({"external_id": "a", "attributes": {"a": "\udfff"}}, "/attributes/a"),
        ({"external_id": "a", "attributes": {"a": "x" * 4097}}, "/attributes/a"),
        ({"external_id": "a", "time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"external_id": "a", "time_zone": ["UTC"]}, "/time_zone"),
        ({"external_id": "a", "language": "français"}, "/language"),
        ({"external_id": "a", "addresses": {}}, "/addresses"),
        ({"external_id": "a", "addresses": [1]}, "/addresses/0"),
        ({"external_id": "a", "addresses": [{"channel": "fax", "address": "1"}]}, "/addresses/0/channel"),
        ({"external_id": "a", "addresses": [{"channel": [], "address": "1"}]}, "/addresses/0/channel"),
        ({"external_id": "a", "addresses": [{"channel": "email"}]}, "/addresses/0/address"),
        ({"external_id": "a", "addresses": [{"channel": "email", "address": "nobody"}]}, "/addresses/0/address"),
        ({"external_id": "a", "addresses": [{"channel": "email", "address": "a@b.fr\n"}]}, "/addresses/0/address"),
        ({"external_id": "a", "addresses": [{"channel": "sms", "address": "0612345678"}]}, "/addresses/0/address"),
        ({"external_id": "a", "addresses": [{"channel": "sms", "address": "+1"}]}, "/addresses/0/address"),
        ({"external_id": "a", "addresses": [{"channel": "push", "address": ""}]}, "/addresses/0/address"),
        (
            {"external_id": "a", "addresses": [{"channel": "push", "address": "t", "subscribed": "yes"}]},
            "/addresses/0/subscribed",
        ),
        (
            {
                "external_id": "a",
                "addresses": [{"channel": "push", "address": "t"}, {"channel": "push", "address": "t"}],
            },
            "/addresses/1",
        ),
    ],
)
def test_a_bad_item_is_named_with_its_place_and_the_good_one_stored(item, path):
    result = upsert(item, {"external_id": "good"})
    assert result.created == 1
    assert [(error.item, error.path) for error in result.errors] == [(0, path)]
    assert len(result.errors[0].message) > 10
    assert [profile.external_id for profile in Profile.objects.all()] == ["good"]


def test_every_mistake_of_an_item_is_named():
    assert [error.path for error in upsert({"external_id": "", "language": 1, "time_zone": 2}).errors] == [
        "/external_id", "/language", "/time_zone",
    ]  # fmt: skip


def test_of_two_items_with_one_id_the_first_stays():
    result = upsert({"external_id": "ana", "language": "fr"}, {"external_id": "ana", "language": "de"})
    assert (result.created, [(error.item, error.path) for error in result.errors]) == (1, [(1, "/external_id")])
    assert ana().language == "fr"


def test_usable_addresses_are_subscribed_and_not_suppressed():
    upsert(
        {
            "external_id": "ana",
            "addresses": [
                {"channel": "email", "address": "open@example.com"},
                {"channel": "email", "address": "closed@example.com", "subscribed": False},
                {"channel": "email", "address": "bounced@example.com"},
            ],
        }
    )
    suppress(actor=None, channel="email", address="bounced@example.com", reason="bounced")
    suppress(actor=None, channel="push", address="open@example.com", reason="invalid")
    assert [address.address for address in Address.objects.usable()] == ["open@example.com"]
    assert unsuppress(actor=None, channel="email", address="bounced@example.com")
    assert Address.objects.usable().count() == 2


def test_people_are_found_by_the_beginning_of_their_id_or_address():
    upsert(
        {"external_id": "Ana-1", "addresses": [{"channel": "email", "address": "first@example.com"}]},
        {"external_id": "ben", "addresses": [{"channel": "push", "address": "ToKeN"}]},
    )
    for words, found in {"ana": ["Ana-1"], "FIRST@": ["Ana-1"], "ToK": ["ben"], "1": [], "%": []}.items():
        assert [profile.external_id for profile in Profile.objects.search(words)] == found, words


def test_ten_thousand_people_take_little_time():
    items = [
        {
            "external_id": f"p{n}",
            "attributes": {"country": "FR", "age": n % 90, "tags": ["a", "b"]},
            "time_zone": "Europe/Paris",
            "addresses": [
                {"channel": "email", "address": f"p{n}@example.com"},
                {"channel": "sms", "address": f"+336{n:08}"},
            ],
        }
        for n in range(10_000)
    ]
    for expected in ((10_000, 0, []), (0, 10_000, [])):
        start = time.perf_counter()
        assert upsert(*items) == expected
        took = time.perf_counter() - start
        print(f"{took:.2f} s")  # noqa: T201 - read with -s; the bound below leaves room for a busy machine
        assert took < 10


@pytest.mark.django_db(transaction=True)
def test_batches_that_meet_neither_deadlock_nor_lose_anything():
    names = [f"p{n}" for n in range(300)]
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for _ in range(5):
                own = names[number * 40 :] + names[: number * 40]
                upsert(*({"external_id": name, "attributes": {f"writer{number}": True}} for name in own))
        except Exception as error:  # noqa: BLE001 - shown by the assertion below, in the thread that counts
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Profile.objects.count() == 300
    assert all(len(profile.attributes) == 4 for profile in Profile.objects.all())


def test_an_erased_person_leaves_no_name_behind():
    upsert({"external_id": "ana@example.com", "addresses": [{"channel": "email", "address": "ana@example.com"}]})
    profile = Profile.objects.get()
    set_subscription(actor=None, address=profile.addresses.get(), subscribed=False)
    suppress(actor=None, channel="email", address="ana@example.com", reason="complained")
    erase(actor=None, profile=profile)
    assert not Profile.objects.exists()
    assert not Address.objects.exists()
    assert Suppression.objects.count() == 1
    upsert({"external_id": "ana@example.com"})
    assert Profile.objects.get().id > profile.id
