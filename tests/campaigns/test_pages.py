"""The list, a new campaign, and what every page owes everybody: access, fragments, bad input."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from campaigns import actions
from campaigns.models import Campaign, CampaignStatus
from campaigns.urls import urlpatterns
from retargeting.accounts.models import Activity
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Address, Profile

pytestmark = pytest.mark.django_db

LIST_QUERIES = 18
"""Session, user, count, campaigns, labels, figures (in a savepoint with memory of its own), the choices of the
filters, and what the sidebar counts. None of them goes by row."""


def set_status(campaign: Campaign, status: str) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status=status)


def address(name: str, campaign: Campaign) -> str:
    arguments = {
        "campaigns": [],
        "campaign-create": [],
        "campaigns-label": [],
        "campaigns-compare": [],
        "campaign-write-to": [],
        "labels-compare": [],
        "label-people": [Label.objects.get_or_create(code="news", name="News")[0].pk, "sent"],
        "campaign-people": [campaign.pk, "sent"],
        "campaign-goal-people": [campaign.pk, "written_to"],
        "campaign-breakdown": [campaign.pk, "language"],
        "campaign-reach": [campaign.pk, "recipients"],
        "campaign-winner": [campaign.pk, "a"],
    }
    return reverse(name, args=arguments.get(name, [campaign.pk]))


NAMES = [pattern.name for pattern in urlpatterns]
WRITES = {
    "campaign-create", "campaigns-label", "campaign-name", "campaign-test", "campaign-launch", "campaign-schedule",
    "campaign-unschedule", "campaign-pause", "campaign-resume", "campaign-cancel", "campaign-duplicate",
    "campaign-archive", "campaign-unarchive", "campaign-follow-up", "campaign-variants", "campaign-winner",
    "campaign-undo", "campaign-retry", "campaign-write-to",
}  # fmt: skip


COMPARED = {"campaign-trial-file", "campaign-lift-file", "campaign-goal-people"}
"""Of what was compared: there is nothing of it where nothing was."""


def test_a_visitor_is_sent_to_the_log_in(campaign):
    for name in NAMES:
        for method in ("get", "post"):
            response = getattr(Client(), method)(address(name, campaign))
            assert response.status_code == 302, name
            assert response.url.startswith(reverse("login"))


def test_a_viewer_may_not_write(campaign, viewer_client):
    for name in WRITES:
        assert viewer_client.post(address(name, campaign), {"outcome": "sent"}).status_code == 403, name
    campaign.refresh_from_db()
    assert (campaign.status, campaign.archived_at, Campaign.objects.count()) == ("draft", None, 1)


@pytest.mark.parametrize("step", ["audience", "message", "when", "review"])
def test_a_viewer_reads_every_card_and_saves_none(step, campaign, viewer_client):
    page = viewer_client.get(f"{address('campaign', campaign)}?step={step}")
    assert page.status_code == 200
    assert b"Save and continue" not in page.content
    assert address("campaign-launch", campaign).encode() not in page.content
    assert viewer_client.post(f"{address('campaign', campaign)}?step={step}", {"text": "x"}).status_code == 403


def test_a_campaign_that_is_not_there_is_a_404(campaign, marketer_client):
    for name in NAMES:
        url = address(name, campaign).replace(f"/{campaign.pk}/", "/99999999999999999999/")
        if url != address(name, campaign):
            assert marketer_client.get(url).status_code in {404, 405}, name
            assert marketer_client.post(url).status_code in {404, 405}, name


@pytest.mark.parametrize("status", CampaignStatus.values)
def test_every_page_opens_in_every_state(status, campaign, marketer_client):
    set_status(campaign, status)
    for name in NAMES:
        response = marketer_client.get(address(name, campaign), follow=True)
        assert response.status_code in {200, 204, 405} or (response.status_code == 404 and name in COMPARED), name


@pytest.mark.parametrize("name", sorted(WRITES - {"campaign-create", "campaigns-label", "campaign-write-to"}))
def test_a_move_in_the_wrong_state_says_so(name, campaign, marketer_client):
    for status in CampaignStatus.values:
        set_status(campaign, status)
        response = marketer_client.post(address(name, campaign), {"outcome": "sent", "confirmed": "0"}, follow=True)
        assert response.status_code in {200, 422}, status


def test_the_list_shows_a_campaign_with_its_audience_in_words(campaign, marketer_client):
    page = marketer_client.get("/campaigns/")
    assert [row[0].pk for row in page.context["rows"]] == [campaign.pk]
    assert str(page.context["rows"][0][1]) == "Everyone"
    assert b'id="sidebar"' in page.content


def test_htmx_gets_the_list_alone(campaign, marketer_client):
    part = marketer_client.get("/campaigns/?q=spring", headers={"HX-Request": "true", "HX-Target": "list"})
    assert part.content.strip().startswith(b'<div id="list"')
    assert b'id="sidebar"' not in part.content
    assert campaign.name.encode() in part.content


def test_the_list_filters(campaign, marketer_client):
    one = ["q=spring", "status=draft", "channel=email", "by=me", "show=all"]
    odd = ["page=999", "page=x", "sort=nothing", "sort=-when"]
    none = ["q=autumn", "status=running", "channel=sms", "show=archived", "status=nonsense", "q=%00", "label=abc"]
    for query, found in [*((query, 1) for query in one + odd), *((query, 0) for query in none)]:
        page = marketer_client.get(f"/campaigns/?{query}")
        assert page.status_code == 200, query
        assert len(page.context["rows"]) == found, query


def test_archived_campaigns_are_out_of_the_way(campaign, marketer, marketer_client):
    actions.archive(actor=marketer, campaign=campaign)
    assert not marketer_client.get("/campaigns/").context["rows"]
    assert len(marketer_client.get("/campaigns/?show=archived").context["rows"]) == 1


def test_the_list_asks_no_more_for_more_rows(campaign, marketer, marketer_client, django_assert_max_num_queries):
    label = Label.objects.create(code="promo", name="Promo")
    for number in range(20):
        copy = actions.duplicate(actor=marketer, campaign=campaign)
        copy.labels.add(label)
        Campaign.objects.filter(pk=copy.pk).update(name=f"Copy {number}")
    cache.clear()
    with django_assert_max_num_queries(LIST_QUERIES):
        assert len(marketer_client.get("/campaigns/").context["rows"]) == 21


def test_several_campaigns_are_labelled_at_once(campaign, marketer, marketer_client):
    label = Label.objects.create(code="promo", name="Promo")
    other = actions.duplicate(actor=marketer, campaign=campaign)
    ticked = {"campaign": [campaign.pk, other.pk], "label": label.pk, "back": "status=draft"}
    response = marketer_client.post("/campaigns/labels/", {**ticked, "operation": "add"})
    assert response.url == "/campaigns/?status=draft"
    assert label.orchestrations.count() == 2
    marketer_client.post("/campaigns/labels/", {**ticked, "operation": "remove"})
    assert label.orchestrations.count() == 0


@pytest.mark.parametrize(
    "data", [{}, {"campaign": "x"}, {"campaign": "99999999999999999999"}, {"operation": "erase"}, {"campaign": "\x00"}]
)
def test_labelling_nothing_says_what_is_missing(data, campaign, marketer_client):
    response = marketer_client.post("/campaigns/labels/", data, follow=True)
    assert response.status_code == 200
    assert [message.level_tag for message in response.context["messages"]] == ["error"]


def test_a_new_campaign_leads_to_its_editor(db, marketer_client):
    label = Label.objects.create(code="promo", name="Promo")
    data = {"name": "Autumn", "channel": "push", "labels": [label.pk]}
    response = marketer_client.post("/campaigns/new/", data)
    made = Campaign.objects.get()
    assert response.url == f"/campaigns/{made.pk}/"
    assert (made.name, made.channel, list(made.labels.all())) == ("Autumn", "push", [label])
    assert Activity.objects.filter(verb="create", object_id=str(made.pk)).exists()


def test_a_campaign_without_sense_is_not_made(db, marketer_client):
    fine = {"name": "x", "channel": "push"}
    for wrong in ({"name": ""}, {"name": "x\x00"}, {"name": "x" * 201}, {"channel": "fax"}, {"labels": "9"}):
        assert marketer_client.post("/campaigns/new/", {**fine, **wrong}).status_code == 200
    assert not Campaign.objects.exists()


def test_a_name_is_changed_even_after_the_launch(campaign, marketer_client):
    set_status(campaign, CampaignStatus.COMPLETED)
    marketer_client.post(f"/campaigns/{campaign.pk}/name/", {"name": "Renamed"})
    campaign.refresh_from_db()
    assert campaign.name == "Renamed"


def test_a_copy_opens_in_its_editor(campaign, marketer_client):
    response = marketer_client.post(f"/campaigns/{campaign.pk}/duplicate/")
    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert response.url == f"/campaigns/{copy.pk}/"


def test_search_and_home_know_campaigns(campaign, marketer_client):
    assert campaign.name.encode() in marketer_client.get("/search/?q=spring").content
    set_status(campaign, CampaignStatus.PAUSED)
    home = marketer_client.get("/")
    assert f"{campaign.name} is paused." in [concern.text for concern in home.context["concerns"]]


def test_people_are_found_by_the_address_of_their_mailbox(db):
    from campaigns.forms import PersonForm

    person = Profile.objects.create(external_id="ana")
    Address.objects.create(profile=person, channel="email", address="ana@example.com")
    for words in ("ana", "Ana@Example.com"):
        form = PersonForm({"person": words})
        assert form.is_valid()
        assert form.cleaned_data["person"] == person
    for words in ("", "bo", "\x00", "x" * 2000):
        assert not PersonForm({"person": words}).is_valid()
