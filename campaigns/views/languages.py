"""The languages of a message on its page: a bar to choose among them, to add one and to take one away."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.conf.locale import LANG_INFO
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns.errors import CampaignError
from campaigns.models import Campaign
from campaigns.variants import ORIGINAL, Told, told_of, write_variant
from retargeting.accounts.permissions import actor_of
from retargeting.messaging.content import LANGUAGE, MOST_LANGUAGES, check, language_name
from retargeting.messaging.languages import chosen, told_in, with_language
from retargeting.web.access import writer_required

# A sample is read, not everybody: these are offers.
OF_PEOPLE = """
    SELECT language FROM (SELECT language FROM profiles_profile ORDER BY id DESC LIMIT 5000) AS sample
    WHERE language <> '' GROUP BY language ORDER BY count(*) DESC, language
"""


class Tab(NamedTuple):
    """A language of the message; `finished` says that nothing of it is missing or wrong."""

    code: str
    name: str
    finished: bool


def bar(campaign: Campaign, told: Told, current: str) -> dict[str, Any]:
    """What the bar of one variant needs."""
    codes = list(told_in(told.content))
    wrong = {error.field.split("/")[1] for error in check(campaign.channel, told.content) if "/" in error.field}
    return {
        "language": current,
        "language_name": language_name(current) if current else "the default",
        "language_tabs": [Tab(code, language_name(code), code not in wrong) for code in codes],
        "language_offers": _offers(codes) if len(codes) < MOST_LANGUAGES else [],
    }


def _offers(codes: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(title, [(code, name)]): the languages that people read and the message does not have, and all others."""
    with connection.cursor() as cursor:
        cursor.execute(OF_PEOPLE)
        read = [code for (code,) in cursor.fetchall() if LANGUAGE.fullmatch(code) and not chosen(codes, code)]
    others = sorted((code for code in LANG_INFO if LANGUAGE.fullmatch(code)), key=language_name)
    groups = [
        ("Read by people here", read),
        ("Others", [code for code in others if code not in codes and code not in read]),
    ]
    return [(title, [(code, language_name(code)) for code in found]) for title, found in groups if found]


@require_POST
@writer_required
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a language to a variant, or take it away, and lead back to where it is written."""
    campaign, key = get_object_or_404(Campaign, pk=pk), request.POST.get("variant", ORIGINAL)
    told = {each.key: each for each in told_of(campaign)}.get(key)
    verb, _, code = request.POST.get("do", "").partition(":")
    code = code or request.POST.get("code", "")
    if told is None or not LANGUAGE.fullmatch(code):
        messages.error(request, "Choose a language first.")
        return HttpResponseRedirect(_url(campaign, key, ""))
    here = verb == "add"
    if here != (code in told_in(told.content)):
        content = with_language(told.content, code, {} if here else None)
        try:
            write_variant(actor=actor_of(request), campaign=campaign, key=key, content=content)
        except CampaignError as error:
            messages.error(request, str(error))
    return HttpResponseRedirect(_url(campaign, key, code if here else ""))


def _url(campaign: Campaign, key: str, code: str) -> str:
    asked = {"step": "message", "variant": key, **({"language": code} if code else {})}
    return f"{reverse('campaign', args=[campaign.pk])}?{urlencode(asked)}"
