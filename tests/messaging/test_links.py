"""Parameters for web analytics, and the short links of text messages."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core.signing import BadSignature
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from retargeting.channels.models import SandboxMessage
from retargeting.conditions.nodes import Interaction
from retargeting.interactions.models import MessageEvent
from retargeting.messaging import clicks, dispatches, following, links
from retargeting.messaging.models import Delivery, Dispatch, HeldClick
from retargeting.messaging.rendering import render
from retargeting.messaging.tracking import Recipient
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.actions import erase
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

READER = {"HTTP_USER_AGENT": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari"}
A_MINUTE = timedelta(minutes=1)
TAGS = {"utm_source": "news & more", "utm_medium": "email"}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.example/", "https://a.example/?utm_source=news+%26+more&utm_medium=email"),
        ("https://a.example/x?b=1#top", "https://a.example/x?b=1&utm_source=news+%26+more&utm_medium=email#top"),
        ("https://a.example/?utm_source=mine", "https://a.example/?utm_source=mine&utm_medium=email"),
        ("https://a.example/?utm_source=&x=", "https://a.example/?utm_source=&x=&utm_medium=email"),
        ("shop://cart", "shop://cart"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("#below", "#below"),
        ("", ""),
    ],
)
def test_a_web_address_gets_the_parameters_that_it_lacks(url, found):
    assert links.tagged(url, TAGS) == found


def test_links_of_a_mail_get_them_and_the_one_to_unsubscribe_does_not():
    told = {
        "subject": "Hi",
        "html": '<a href="https://shop.example/?a=1&amp;b=2">x</a> <a href="{{ unsubscribe_url }}">no more</a>',
        "utm_source": "news",
        "utm_campaign": "{{ campaign.name }}",
    }
    html = render("email", told, {"campaign": {"name": "Spring sale"}}, None).content["html"]
    assert 'href="https://shop.example/?a=1&amp;b=2&amp;utm_source=news&amp;utm_campaign=Spring+sale"' in html
    assert '<a href="#">no more</a>' in html
    sent = render("email", told, {"campaign": {"name": "Spring sale"}}, Recipient(7, 8)).content
    assert "utm_source%3Dnews" in sent["html"]
    assert "utm" not in next(line for line in sent["text"].splitlines() if "no more" in line).partition("no more")[2]


def test_all_links_of_a_push_get_them_and_the_picture_does_not():
    told = {
        "title": "Hi",
        "body": "x",
        "link": "https://a.example/",
        "image": "https://a.example/i.png",
        "action1_label": "Go",
        "action1_link": "shop://cart",
        "utm_source": "app",
        "missing": "skip",
    }
    content = render("push", told, {}, None).content
    assert content["link"] == "https://a.example/?utm_source=app"
    assert content["image"] == "https://a.example/i.png"
    assert content["action1_link"] == "shop://cart"
    assert not {"utm_source", "missing"} & content.keys()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://a.example/x.", ["https://a.example/x"]),
        ("(http://a.example/?q=1&b=2) or https://b.example!", ["http://a.example/?q=1&b=2", "https://b.example"]),
        (
            "https://a.example/{{ id | default: 'a b' }}/x, please",
            ["https://a.example/{{ id | default: 'a b' }}/x"],
        ),
        ("https://a.example/{{ code }}", ["https://a.example/{{ code }}"]),
        ("https://a.example/{% if x %}a b{% endif %}", []),  # cut at the space, and half a template is none
        ("https://a.example/{% if x %}a{% endif %}", ["https://a.example/{% if x %}a{% endif %}"]),
        ("{% if x %}https://a.example/{% endif %}", []),
        ("no link, and {{ url }}", []),
        ("https:// is none", []),
    ],
)
def test_web_addresses_of_a_text_are_found_as_they_are_written(text, found):
    assert list(links.cut(text).links) == found


@given(dispatch=st.integers(1, 2**63 - 1), profile=st.integers(1, 2**31 - 1), link=st.text(max_size=40))
def test_a_short_link_says_whose_it_is(dispatch, profile, link):
    recipient = Recipient(dispatch, profile)
    code = links.short_url(recipient, link).rpartition("/")[2]
    found, signature = links.read_code(code)
    assert found == recipient
    assert links.signed(found, signature, ["another", link]) == link
    with pytest.raises(BadSignature):
        links.signed(found, signature, [link + "x"])
    with pytest.raises(BadSignature):
        links.signed(Recipient(dispatch, profile + 1), signature, [link])


@pytest.mark.parametrize(
    "code", ["", "1", "1-2", "1-2-3-4", "ä-2-3", "1-2-", "-1-0000000000", "zzzzzzzzzzz-1-a", "1-²-a"]
)
def test_what_is_no_short_link_is_not_found(code, client, db):
    with pytest.raises(BadSignature):
        following.follow(code)
    assert client.get(f"/l/{code}").status_code == 404


TEXT = {
    "text": "Hi {{ first_name | default: 'you' }}! https://shop.example/{{ shop }}?a=1 and https://shop.example/help.",
    "utm_source": "sms",
    "languages": {"de": {"text": "Hallo! https://shop.example/de/{{ shop }}"}},
}


@pytest.fixture
def ana(db) -> Profile:
    return _person("ana", "+4915112345601", {"shop": "paris", "first_name": "Ana"})


def _person(name: str, number: str, attributes: dict[str, str], language: str = "") -> Profile:
    person = Profile.objects.create(external_id=name, attributes=attributes, language=language)
    Address.objects.create(profile=person, channel="sms", address=number)
    return person


def sent_to(*people: Profile, content: dict[str, object]) -> list[str]:
    """What each of them got."""
    orchestration = Orchestration.objects.create(kind="campaign", name="Spring")
    step = MessageStep.objects.create(orchestration=orchestration, channel="sms")
    dispatch = Dispatch.objects.create(orchestration=orchestration, step=step, channel="sms", content=content)
    dispatches.start(dispatch=dispatch, members=BitMap(person.pk for person in people))
    drain()
    Delivery.objects.update(updated_at=F("updated_at") - A_MINUTE)
    texts = {message.profile_id: message.content["text"] for message in SandboxMessage.objects.all()}
    return [texts.get(person.pk, "") for person in people]


def paths_in(text: str) -> list[str]:
    return [urlsplit(url).path for url in re.findall(r"https?://\S+/l/[\w-]+", text)]


def recorded() -> list[tuple[Interaction, bool]]:
    HeldClick.objects.update(clicked_at=F("clicked_at") - A_MINUTE)
    clicks.judge_held()
    return [(event.kind, event.machine) for event in MessageEvent.objects.exclude(event=1)]


def test_a_link_in_a_text_message_is_short_counted_and_leads_on(client, ana):
    [text] = sent_to(ana, content=TEXT)
    first, second = paths_in(text)
    assert text.startswith("Hi Ana! http")
    assert text.endswith(f"{second}.")
    assert "shop.example" not in text
    response = client.get(first, **READER)
    assert response.status_code == 302
    assert response["Location"] == "https://shop.example/paris?a=1&utm_source=sms"
    assert response["Cache-Control"] == "no-store"
    assert recorded() == [(Interaction.CLICKED, False)]
    assert client.get(second, **READER)["Location"] == "https://shop.example/help?utm_source=sms"


def test_a_machine_that_follows_it_is_known_as_one(client, ana):
    [text] = sent_to(ana, content=TEXT)
    client.get(paths_in(text)[0], HTTP_USER_AGENT="Slackbot-LinkExpanding 1.0")
    assert recorded() == [(Interaction.CLICKED, True)]


def test_the_link_of_each_language_leads_to_its_own_page(client, ana):
    ben = _person("ben", "+4915112345602", {"shop": "bonn"}, "de-AT")
    english, german = sent_to(ana, ben, content=TEXT)
    assert client.get(paths_in(german)[0], **READER)["Location"] == "https://shop.example/de/bonn?utm_source=sms"
    assert client.get(paths_in(english)[0], **READER)["Location"].startswith("https://shop.example/paris")


def test_a_link_still_leads_on_when_its_person_is_gone_and_nothing_is_recorded(client, ana, owner):
    [text] = sent_to(ana, content=TEXT)
    erase(actor=owner, profile=ana)
    response = client.get(paths_in(text)[1], **READER)
    assert response["Location"] == "https://shop.example/help?utm_source=sms"
    assert recorded() == []


def test_links_go_out_as_written_where_that_is_wanted(ana):
    [text] = sent_to(ana, content={**TEXT, "links": "plain"})
    assert text == (
        "Hi Ana! https://shop.example/paris?a=1&utm_source=sms and https://shop.example/help?utm_source=sms."
    )


def test_somebody_who_lacks_a_value_is_left_out_where_that_is_wanted(ana):
    ben = _person("ben", "+4915112345602", {"first_name": "Ben", "shop": ""})
    cid = _person("cid", "+4915112345603", {"shop": "rome"})
    texts = sent_to(ana, ben, cid, content={**TEXT, "missing": "skip"})
    assert [bool(text) for text in texts] == [True, False, True]
    skip = Delivery.objects.get(profile_id=ben.pk)
    assert (skip.status, skip.reason) == ("skipped", "render_error")
    assert "shop has no value" in skip.detail
