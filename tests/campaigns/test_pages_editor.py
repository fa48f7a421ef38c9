"""The editor: what is typed is kept, what is wrong is said beside it, and nothing goes out unconfirmed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from campaigns import actions
from campaigns.forms import WhenForm
from campaigns.models import Campaign, CampaignStatus, Run
from retargeting import queue
from retargeting.channels.models import SandboxMessage
from retargeting.interactions.models import MessageEvent
from retargeting.messaging.models import Delivery, Dispatch
from retargeting.profiles.models import Address, Profile

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def people(db) -> list[Profile]:
    profiles = Profile.objects.bulk_create(
        Profile(external_id=f"p{index}", attributes={"first_name": f"Ana {index}"}) for index in range(30)
    )
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile}@example.com") for profile in profiles[:25]
    )
    return profiles


def url(campaign: Campaign, step: str = "") -> str:
    return f"/campaigns/{campaign.pk}/" + (f"?step={step}" if step else "")


def test_the_message_is_kept_while_it_is_typed(campaign, marketer_client):
    content = {"subject": "Hello {{ first_na", "html": "<p>x</p>", "text": ""}
    response = marketer_client.post(url(campaign, "message"), content, headers=HTMX)
    campaign.refresh_from_db()
    assert campaign.content["subject"] == "Hello {{ first_na"
    page = response.content.decode()
    assert 'id="saved"' in page
    assert 'id="sidebar"' not in page
    mistakes = {field.name: mistake for field, mistake in response.context["fields"]}
    assert "line 1" in mistakes["subject"]


def test_without_javascript_a_button_saves_and_goes_on(campaign, marketer_client):
    data = {"subject": "Hi", "html": "<p>x</p>\r\n", "go": "when"}
    response = marketer_client.post(url(campaign, "message"), data)
    assert response.url == url(campaign, "when")
    campaign.refresh_from_db()
    assert campaign.content == {"subject": "Hi", "html": "<p>x</p>\n"}


@pytest.mark.parametrize("data", [{"subject": "a\x00b"}, {"subject": "x" * 401}])
def test_what_cannot_be_stored_is_said_beside_the_field(data, campaign, marketer_client):
    before = campaign.content
    response = marketer_client.post(url(campaign, "message"), data)
    assert response.status_code == 422
    assert "subject" in response.context["form"].errors
    campaign.refresh_from_db()
    assert campaign.content == before


def test_nothing_is_saved_once_it_is_no_draft(campaign, marketer_client):
    Campaign.objects.filter(pk=campaign.pk).update(status=CampaignStatus.RUNNING)
    response = marketer_client.post(url(campaign, "message"), {"subject": "late"}, headers=HTMX)
    assert response["HX-Redirect"] == f"/campaigns/{campaign.pk}/report/"
    campaign.refresh_from_db()
    assert campaign.content["subject"] == "Spring sale"


def test_the_preview_is_filled_in_for_the_person_asked_for(campaign, people, marketer, marketer_client):
    actions.update_campaign(
        actor=marketer,
        campaign=campaign,
        content={"subject": "Hi {{ first_name }}", "html": "<script>alert(1)</script><p>{{ first_name }}</p>"},
    )
    shown = marketer_client.get(url(campaign, "message") + "&as=p3").context["preview"]
    assert shown.content["subject"] == "Hi Ana 3"
    mail = marketer_client.get(f"/campaigns/{campaign.pk}/preview/mail/?as=p3")
    assert b"<p>Ana 3</p>" in mail.content
    policy = mail["Content-Security-Policy"]
    assert policy.startswith("sandbox;")
    assert "allow" not in policy
    assert "default-src 'none'" in policy
    assert mail["X-Frame-Options"] == "SAMEORIGIN"
    assert marketer_client.get(url(campaign, "message") + "&as=nobody").context["shown"].unknown


LANGUAGE = {"do": "add", "code": "de", "variant": "a"}


def test_a_language_is_added_written_and_taken_away(campaign, people, marketer_client):
    bar = f"/campaigns/{campaign.pk}/languages/"
    there = marketer_client.post(bar, LANGUAGE).url
    assert there == url(campaign, "message") + "&variant=a&language=de"
    page = marketer_client.get(there)
    assert "in German" in page.content.decode()
    assert [tab.finished for tab in page.context["language_tabs"]] == [False]
    assert "utm_source" not in page.context["form"].fields
    assert any(
        text == "German: Subject is missing"
        for _, text in marketer_client.get(url(campaign, "review")).context["problems"]
    )
    typed = {"subject": "Frühling", "html": "<p>Los</p>"}
    page = marketer_client.post(there, typed, headers=HTMX)
    assert page.context["preview"].content["subject"] == "Frühling"
    campaign.refresh_from_db()
    assert campaign.content["languages"] == {"de": typed}
    assert campaign.content["subject"] == "Spring sale"
    marketer_client.post(url(campaign, "message"), {"subject": "Spring", "html": "<p>Go</p>"})
    campaign.refresh_from_db()
    assert (campaign.content["subject"], campaign.content["languages"]) == ("Spring", {"de": typed})
    assert (
        marketer_client.post(bar, {"do": "remove:de", "variant": "a"}).url == url(campaign, "message") + "&variant=a"
    )
    campaign.refresh_from_db()
    assert campaign.content == {"subject": "Spring", "html": "<p>Go</p>"}


@pytest.mark.parametrize("data", [{**LANGUAGE, "code": ""}, {**LANGUAGE, "code": "<b>"}, {**LANGUAGE, "variant": "q"}])
def test_a_language_that_is_none_is_not_added(data, campaign, marketer_client):
    response = marketer_client.post(f"/campaigns/{campaign.pk}/languages/", data)
    assert response.status_code == 302
    campaign.refresh_from_db()
    assert "languages" not in campaign.content


def test_a_mistake_in_a_language_is_said_beside_its_field(campaign, marketer_client):
    there = marketer_client.post(f"/campaigns/{campaign.pk}/languages/", LANGUAGE).url
    page = marketer_client.post(there, {"subject": "Hallo {{ oh"}, headers=HTMX)
    mistakes = {field.name: mistake for field, mistake in page.context["fields"]}
    assert "line 1" in mistakes["subject"]
    page = marketer_client.get(url(campaign, "message"))
    assert not any(mistake for _, mistake in page.context["fields"])


def test_somebody_sees_and_tests_the_language_they_read(campaign, people, marketer, marketer_client):
    told = {
        "subject": "Hi",
        "html": "<p>x</p>",
        "languages": {"de": {"subject": "Hallo", "html": "<p>{{ first_name }}</p>"}},
    }
    actions.update_campaign(actor=marketer, campaign=campaign, content=told)
    Profile.objects.filter(external_id="p3").update(language="de-CH")
    page = marketer_client.get(url(campaign, "message") + "&as=p3")
    assert "who gets German instead" in page.content.decode()
    page = marketer_client.get(url(campaign, "message") + "&language=de&as=p3")
    assert "As p3 would get it, in German." in page.content.decode()
    mail = marketer_client.get(page.context["shown"].mail_url)
    assert b"<p>Ana 3</p>" in mail.content
    for language, subject in (("own", "Hallo"), ("", "Hi"), ("de", "Hallo")):
        data = {"person": "p3", "language": language}
        assert marketer_client.post(f"/campaigns/{campaign.pk}/test/", data).status_code == 302
        assert SandboxMessage.objects.latest("pk").content["subject"] == f"[Test] {subject}"


def test_parameters_of_links_are_kept_and_what_goes_without_saying_is_not(campaign, marketer_client):
    data = {"subject": "Hi", "html": "<p>x</p>", "missing": "empty", "utm_source": "news"}
    marketer_client.post(url(campaign, "message"), data)
    campaign.refresh_from_db()
    assert campaign.content == {"subject": "Hi", "html": "<p>x</p>", "utm_source": "news"}


def test_a_test_goes_to_the_typed_address_and_leaves_no_trace(campaign, people, marketer_client):
    data = {"person": "p1", "address": "me@example.com"}
    assert marketer_client.post(f"/campaigns/{campaign.pk}/test/", data).status_code == 302
    [message] = SandboxMessage.objects.all()
    assert (message.address, message.content["subject"]) == ("me@example.com", "[Test] Spring sale")
    assert not Delivery.objects.exists()
    assert not MessageEvent.objects.exists()


@pytest.mark.parametrize("data", [{}, {"person": "nobody"}, {"person": "p29"}, {"person": "p1", "address": "no mail"},
                                  {"person": "p1\x00"}])  # fmt: skip
def test_a_test_that_cannot_be_sent_says_why(data, campaign, people, marketer_client):
    response = marketer_client.post(f"/campaigns/{campaign.pk}/test/", data)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not SandboxMessage.objects.exists()


@time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("day", "clock", "zone", "moment"),
    [
        ("2026-12-03", "10:00", "Europe/Paris", datetime(2026, 12, 3, 9, tzinfo=UTC)),
        ("2026-03-29", "02:30", "Europe/Paris", None),  # skipped by the clocks
        ("2026-10-25", "02:30", "Europe/Paris", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first of two
        ("2026-02-01", "10:00", "UTC", None),  # past
        ("9999-12-31", "23:59", "America/New_York", None),
        ("0001-01-01", "00:00", "Asia/Tokyo", None),
        ("2026-12-03", "", "UTC", None),
        ("2026-12-03", "10:00", "Mars/Base", None),
        ("tomorrow", "10:00", "UTC", None),
    ],
)
def test_a_time_is_one_on_the_clocks_of_its_zone(day, clock, zone, moment):
    form = WhenForm({"mode": "later", "day": day, "clock": clock, "zone": zone})
    assert form.is_valid() == (moment is not None)
    if moment:
        assert form.cleaned_data["send_at"] == moment


def test_the_time_is_saved_and_said_in_utc_too(campaign, marketer, marketer_client):
    marketer.time_zone = "Europe/Paris"
    marketer.save()
    day = (timezone.now() + timedelta(days=30)).date()
    data = {"mode": "later", "day": day.isoformat(), "clock": "10:00", "zone": "Europe/Paris", "go": "review"}
    assert marketer_client.post(url(campaign, "when"), data).url == url(campaign, "review")
    moment = marketer_client.get(url(campaign, "when")).context["moment"]
    assert "10:00 (Europe/Paris)" in moment
    assert "UTC" in moment
    marketer_client.post(url(campaign, "when"), {"mode": "now", "zone": "UTC"}, headers=HTMX)
    campaign.refresh_from_db()
    assert campaign.send_at is None


def test_the_builder_saves_a_finished_audience(campaign, people, marketer_client, viewer_client):
    row = {
        "audience-node": ["1:g:root", "2:r:row1"],
        "root-match": "all",
    }
    page = marketer_client.get(url(campaign, "audience"))
    assert page.context["form"]["audience"]
    for client in (viewer_client, marketer_client):
        response = client.post(f"/campaigns/{campaign.pk}/builder/", row, headers=HTMX)
        assert response.status_code == 200
        assert (b'id="saved"' in response.content) == (client is marketer_client)


def test_the_review_adds_up(campaign, people, marketer_client):
    found = marketer_client.get(url(campaign, "review")).context["forecast"]
    assert (found.matched, found.will_be_sent) == (30, 25)
    assert [len(people) for people in found.reach.skips.values()] == [5, 0, 0]
    assert any("everyone" in warning for warning in found.warnings)


def confirm(client, campaign, number, **more):
    return client.post(f"/campaigns/{campaign.pk}/launch/", {"confirmed": number, **more})


def test_a_launch_needs_the_number_and_the_tick(campaign, people, marketer_client):
    question = marketer_client.get(f"/campaigns/{campaign.pk}/launch/")
    assert question.context["button"] == "Send to 25 people"
    for number in ("", "x", "٣", "100", "-1", "1" * 30):
        assert confirm(marketer_client, campaign, number, sure="yes").status_code == 422
    assert confirm(marketer_client, campaign, 25).status_code == 422
    assert not Run.objects.exists()
    assert confirm(marketer_client, campaign, 25, sure="yes").status_code == 302
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.RUNNING


def test_a_number_that_has_moved_is_asked_about_again(campaign, people, marketer_client):
    newer = Profile.objects.bulk_create(Profile(external_id=f"n{index}") for index in range(11))
    Address.objects.bulk_create(Address(profile=one, channel="email", address=f"{one}@example.com") for one in newer)
    response = confirm(marketer_client, campaign, 25, sure="yes")
    assert response.status_code == 422
    assert response.context["button"] == "Send to 36 people"
    assert not Run.objects.exists()
    assert confirm(marketer_client, campaign, 36, sure="yes").status_code == 302


def test_a_few_more_people_are_no_reason_to_ask_again(campaign, people, marketer_client):
    assert confirm(marketer_client, campaign, 30, sure="yes").status_code == 302


def test_two_clicks_launch_once(campaign, people, marketer_client):
    for _ in range(2):
        response = confirm(marketer_client, campaign, 25, sure="yes")
        assert response.status_code == 302
    assert (Run.objects.count(), Dispatch.objects.count(), queue.backlog()) == (1, 1, 1)


def test_an_unfinished_campaign_does_not_go_out(campaign, people, marketer, marketer_client):
    actions.update_campaign(actor=marketer, campaign=campaign, content={})
    assert confirm(marketer_client, campaign, 25, sure="yes").url == url(campaign, "review")
    problems = marketer_client.get(url(campaign, "review")).context["problems"]
    assert [section for section, _ in problems] == ["message"]
    assert not Run.objects.exists()


def test_a_schedule_is_confirmed_and_can_be_taken_back(campaign, people, marketer, marketer_client):
    schedule = f"/campaigns/{campaign.pk}/schedule/"
    assert marketer_client.post(schedule, {"confirmed": 25, "sure": "yes"}).url == url(campaign, "review")
    actions.update_campaign(actor=marketer, campaign=campaign, send_at=timezone.now() + timedelta(days=1))
    assert marketer_client.get(schedule).context["button"] == "Schedule to about 25 people"
    marketer_client.post(schedule, {"confirmed": 25, "sure": "yes"})
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.SCHEDULED
    assert marketer_client.get(url(campaign)).url == f"/campaigns/{campaign.pk}/report/"
    marketer_client.post(f"/campaigns/{campaign.pk}/unschedule/")
    campaign.refresh_from_db()
    assert campaign.status == CampaignStatus.DRAFT


def test_the_dialog_asks_the_same_as_the_page(campaign, people, marketer_client):
    headers = {"HX-Request": "true", "HX-Target": "dialog"}
    part = marketer_client.get(f"/campaigns/{campaign.pk}/launch/", headers=headers)
    assert b'id="sidebar"' not in part.content
    assert b'name="confirmed" value="25"' in part.content
