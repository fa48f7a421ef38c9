"""Whoever has told their language reads the message in it, and everybody else the default."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from retargeting.channels.models import SandboxMessage
from retargeting.messaging import content, dispatches, languages
from retargeting.messaging.models import Delivery, Dispatch
from retargeting.orchestrations.models import MessageStep, Orchestration
from retargeting.profiles.models import Address, Profile
from tests.messaging.test_sending import drain

PUSH = {
    "title": "Hello",
    "body": "Look, {{ first_name | default: 'you' }}",
    "link": "https://shop.example/",
    "image": "https://shop.example/en.png",
    "utm_source": "app",
    "languages": {
        "de": {"title": "Hallo", "body": "Schau", "image": "https://shop.example/de.png"},
        "pt-BR": {"title": "Oi", "body": "Veja"},
    },
}


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-at", "de"),
        ("pt-BR", "pt-BR"),
        ("pt-br", "pt-BR"),
        ("pt", "pt-BR"),  # another form of the language is nearer than another language
        ("pt-PT", "pt-BR"),
        ("fr", ""),
        ("d", ""),
        ("", ""),
        ("den", ""),
    ],
)
def test_a_person_reads_the_nearest_language(language, code):
    assert languages.chosen(["de", "pt-BR"], language) == code


def test_the_exact_form_goes_before_the_general_one():
    assert languages.chosen(["en", "en-GB", "en-US"], "en-GB") == "en-GB"
    assert languages.chosen(["en", "en-US"], "en-GB") == "en"
    assert languages.chosen(["zh-Hant", "zh-Hans"], "zh-Hant-TW") == "zh-Hant"


def test_links_and_pictures_come_from_the_default_and_words_do_not():
    assert languages.localized("push", PUSH, "de") == {
        "title": "Hallo",
        "body": "Schau",
        "link": "https://shop.example/",
        "image": "https://shop.example/de.png",
        "utm_source": "app",
    }
    assert languages.localized("push", PUSH, "fr")["title"] == "Hello"
    assert "languages" not in languages.localized("push", PUSH, "fr")


def test_each_language_must_be_finished():
    assert content.check("push", PUSH) == []
    half = {**PUSH, "languages": {"de": {"title": "Hallo"}}}
    [error] = content.check("push", half)
    assert (error.field, error.message) == ("languages/de/body", "German: Text is missing")
    assert content.check("push", half, complete=False) == []


@pytest.mark.parametrize(
    ("others", "field"),
    [
        ([], "languages"),
        ({"German": {}}, "languages/German"),
        ({"de": "Hallo"}, "languages/de"),
        ({"de": {"headline": "Hallo"}}, "languages/de/headline"),
        ({"de": {"utm_source": "x"}}, "languages/de/utm_source"),
        ({"de": {"title": "{{ oh"}}, "languages/de/title"),
        ({"de": {"title": 3}}, "languages/de/title"),
        ({f"x{chr(97 + n // 26)}{chr(97 + n % 26)}": {} for n in range(41)}, "languages"),
    ],
)
def test_what_is_wrong_with_a_language_is_said_with_its_place(others, field):
    errors = content.check("push", {"title": "Hello", "body": "Look", "languages": others}, complete=False)
    assert field in [error.field for error in errors]


def test_a_button_without_words_in_a_language_is_no_button_to_send():
    told = {**PUSH, "action1_label": "Open", "action1_link": "https://shop.example/"}
    assert {error.field for error in content.check("push", told)} == {
        "languages/de/action1_link",
        "languages/pt-BR/action1_link",
    }


def test_what_is_kept_has_no_empty_fields_in_any_language():
    kept = content.cleaned("push", {**PUSH, "image": "", "missing": "empty", "languages": {"fr": {"title": ""}}})
    assert kept["languages"] == {"fr": {}}
    assert not {"image", "missing"} & kept.keys()


CODES = st.from_regex(content.LANGUAGE, fullmatch=True)


@given(codes=st.lists(CODES, max_size=6), language=st.one_of(CODES, st.sampled_from(["", "de", "pt-BR"])))
def test_the_choice_is_one_of_the_codes_or_the_default(codes, language):
    found = languages.chosen(codes, language)
    assert found in {"", *codes}
    if language.lower() in {code.lower() for code in codes}:
        assert found.lower() == language.lower()
    if found:
        assert found.lower().partition("-")[0] == language.lower().partition("-")[0]


@pytest.mark.django_db
def test_people_get_it_in_their_language():
    orchestration = Orchestration.objects.create(kind="campaign", name="Spring")
    step = MessageStep.objects.create(orchestration=orchestration, channel="push")
    dispatch = Dispatch.objects.create(orchestration=orchestration, step=step, channel="push", content=PUSH)
    for language in ("de-CH", "pt-BR", "fr", ""):
        person = Profile.objects.create(external_id=language or "none", language=language)
        Address.objects.create(profile=person, channel="push", address=f"token-{language}")
    dispatches.start(dispatch=dispatch, members=BitMap(Profile.objects.values_list("pk", flat=True)))
    drain()
    assert Delivery.objects.filter(status="sent").count() == 4
    titles = {message.address: message.content["title"] for message in SandboxMessage.objects.all()}
    assert titles == {"token-de-CH": "Hallo", "token-pt-BR": "Oi", "token-fr": "Hello", "token-": "Hello"}
    images = {message.address: message.content["image"] for message in SandboxMessage.objects.all()}
    assert images["token-de-CH"].endswith("de.png")
    assert images["token-pt-BR"].endswith("en.png")
