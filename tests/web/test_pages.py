from __future__ import annotations

from django.urls import reverse

from retargeting.accounts.models import Activity
from retargeting.channels.models import ChannelConfig
from retargeting.orchestrations.models import Label
from retargeting.profiles.models import Profile


def test_home_shows_the_channels_and_what_needs_attention(owner_client, world):
    assert "The channel SMS is disabled" in owner_client.get("/").text
    card = owner_client.get(reverse("channel-overview"), headers={"HX-Request": "true"}).text
    assert "100.0 %" in card  # one sent, opened twice by one person: once
    assert "<html" not in card
    assert "100.0 %" in owner_client.get("/").text  # counted within the last minute, it stands there at once


def test_home_of_an_empty_installation_shows_the_way_to_the_first_message(owner_client):
    assert "Bring people in" in owner_client.get("/").text


def test_search_finds_people_labels_and_automations(viewer_client, world):
    page = viewer_client.get(reverse("search"), {"q": "cart"}).text
    assert reverse("label", args=[world.label.pk]) in page
    assert "Abandoned cart" in page
    assert reverse("person", args=[world.person.pk]) in viewer_client.get("/search/?q=ana7@").text
    assert "Nothing found" in viewer_client.get("/search/?q=%00zzz").text


def test_a_person_shows_addresses_attributes_and_everything_that_happened(viewer_client, world):
    page = viewer_client.get(reverse("person", args=[world.person.pk])).text
    for words in ("ana7@example.org", "Subscribed", "France", "Was sent", "Opened", "Abandoned cart"):
        assert words in page


def test_a_suppressed_address_says_so(viewer_client, owner, world):
    from retargeting.profiles.actions import suppress

    suppress(actor=owner, channel="email", address="ana7@example.org")
    assert "Suppressed" in viewer_client.get(reverse("person", args=[world.person.pk])).text


def test_the_timeline_goes_on_where_it_stopped_and_loses_nothing(viewer_client, world, monkeypatch):
    from retargeting.profiles import timeline

    whole, _ = timeline.page(world.person.pk)
    first, following = timeline.page(world.person.pk, size=2)
    rest, end = timeline.page(world.person.pk, following, size=2)
    assert [*first, *rest] == whole
    assert end is None
    address = reverse("person", args=[world.person.pk])
    more = viewer_client.get(address, {"before": following.isoformat()}, headers={"HX-Request": "true"}).text
    assert "Was sent" in more
    assert "<html" not in more
    assert viewer_client.get(address, {"before": "yesterday"}).status_code == 200


def test_erasing_asks_first_and_says_what_goes(marketer_client, world):
    address = reverse("person-erase", args=[world.person.pk])
    assert "This cannot be taken back" in marketer_client.get(address).text
    in_dialog = marketer_client.get(address, headers={"HX-Request": "true", "HX-Target": "dialog"}).text
    assert "<html" not in in_dialog
    assert "This cannot be taken back" in in_dialog
    marketer_client.post(address)
    assert not Profile.objects.filter(pk=world.person.pk).exists()


def test_a_label_is_created_changed_and_deleted_by_a_marketer(marketer_client, marketer):
    marketer_client.post(reverse("label-create"), {"name": "Promo", "code": "promo", "colour": "red"})
    label = Label.objects.get(code="promo")
    marketer_client.post(reverse("label-edit", args=[label.pk]), {"name": "Offers", "code": "promo", "colour": "red"})
    label.refresh_from_db()
    assert label.name == "Offers"
    marketer_client.post(reverse("label-delete", args=[label.pk]))
    assert not Label.objects.exists()
    assert [activity.user for activity in Activity.objects.filter(object_type="label")] == [marketer] * 3


def test_a_code_that_is_taken_or_malformed_is_refused_at_its_field(marketer_client, world):
    for code in ("cart", "Not A Code"):
        response = marketer_client.post(reverse("label-create"), {"name": "X", "code": code, "colour": "red"})
        assert response.status_code == 200
        assert "id_code_error" in response.text
    assert Label.objects.count() == 1


def test_deleting_a_label_says_how_much_carries_it(marketer_client, world):
    page = marketer_client.get(reverse("label-delete", args=[world.label.pk])).text
    assert "0 campaigns and 1 automation." in page


def test_a_label_shows_what_carries_it_and_what_people_did(viewer_client, world):
    page = viewer_client.get(reverse("label", args=[world.label.pk])).text
    assert "Abandoned cart" in page
    assert "100.0 %" in page


def test_a_mail_in_the_outbox_is_shown_in_a_frame_that_can_do_nothing(viewer_client, world):
    page = viewer_client.get(reverse("outbox-message", args=[world.mail.pk])).text
    frame = reverse("outbox-html", args=[world.mail.pk])
    assert f'src="{frame}" sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "<script>alert" not in page
    policy = viewer_client.get(frame)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert "script-src" not in policy


def test_errors_have_pages_of_their_own(viewer_client, world):
    assert "There is no such page" in viewer_client.get("/people/999999/").text
    assert "marketer role" in viewer_client.get(reverse("label-create")).text


def test_a_broken_page_says_so_without_needing_anything(viewer_client, world, monkeypatch):
    viewer_client.raise_request_exception = False
    monkeypatch.setattr("retargeting.web.panels.concerns", lambda: 1 / 0)
    response = viewer_client.get("/")
    assert response.status_code == 500
    assert "Something broke on our side" in response.text


def test_no_page_carries_script_or_style_of_its_own(owner_client, world):
    pages = ["/", "/people/", f"/people/{world.person.pk}/", "/labels/", "/activity/", "/outbox/", "/automations/"]
    for address in [*pages, f"/labels/{world.label.pk}/", f"/outbox/{world.mail.pk}/", "/search/?q=a"]:
        page = owner_client.get(address)
        assert " style=" not in page.text, address
        assert "<style" not in page.text, address
        assert " onclick=" not in page.text, address
        assert "hx-on" not in page.text, address
        assert page.text.count("<script") == page.text.count("<script src="), address
        assert "default-src 'self'" in page["Content-Security-Policy"]


def test_a_disabled_channel_is_no_concern_once_it_is_enabled(owner_client, world):
    ChannelConfig.objects.update(enabled=True)
    assert "is disabled" not in owner_client.get("/").text
