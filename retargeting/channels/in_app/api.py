"""What the web SDK calls from people's browsers: `/sdk/v1/KEY/…`, with the publishable key of a site.

There are no cookies. A page proves who its visitor is by an HMAC of the external id, which the site's own server made:
so nobody can read, or act on, messages of others. Bodies are JSON, also under `text/plain`: then a browser asks no
permission first, and may send a last word while the page goes away.
"""

from __future__ import annotations

import hmac
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from retargeting.api.errors import Unprocessable
from retargeting.api.parsers import StrictJSONParser
from retargeting.channels.in_app import waiting
from retargeting.channels.models import Site
from retargeting.channels.push.addresses import subscription_from_browser
from retargeting.channels.registry import push_key
from retargeting.conditions.nodes import Channel
from retargeting.interactions.actions import accept_events
from retargeting.profiles.actions import upsert_profiles
from retargeting.profiles.models import Profile
from retargeting.profiles.validation import Mistakes, clean_external_id

MOST_AT_ONCE = 100
LONGEST_ID = 100


class AnyJSONParser(StrictJSONParser):
    media_type = "*/*"


class PersonThrottle(SimpleRateThrottle):
    """So many calls a minute of one person on one site; whoever proves nothing is counted by address."""

    scope = "sdk"

    def get_rate(self) -> str:
        return str(settings.SDK_RATE)

    def get_cache_key(self, request: Request, view: Any) -> str:
        return f"sdk-{view.site.pk}-{view.caller(request) or self.get_ident(request)}"


@extend_schema(exclude=True)
class SdkView(APIView):
    """Checks the site, the origin and the visitor; then `answer` does the work."""

    authentication_classes = []
    permission_classes = [AllowAny]
    parser_classes = [AnyJSONParser]
    throttle_classes = [PersonThrottle]
    site: Site
    origin = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.site = self._site(kwargs["key"])
        origin = request.headers.get("Origin", "")
        if origin and origin not in self.site.allowed_origins:
            raise PermissionDenied(f"Pages of {origin} may not use this key. An admin can add it to the site.")
        self.origin = origin
        super().initial(request, *args, **kwargs)

    def _site(self, key: str) -> Site:
        site = Site.objects.filter(key=key).first() if "\x00" not in key else None
        if site is None:
            raise NotAuthenticated("There is no site with this key.")
        return site

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        headers = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
        return Response(status=204, headers={**headers, "Access-Control-Max-Age": "86400"})

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        if self.origin:
            final["Access-Control-Allow-Origin"] = self.origin
        final["Vary"] = "Origin"
        final["Cache-Control"] = "no-store"
        return final

    def caller(self, request: Request) -> str | None:
        """The external id of the visitor, if it is proved."""
        data = request.data
        user, proof = (data.get("user"), data.get("hash")) if isinstance(data, dict) else (None, None)
        if not isinstance(user, str) or not isinstance(proof, str) or clean_external_id(user, Mistakes()) is None:
            return None
        expected = self.site.identity_of(user)
        return user if expected and hmac.compare_digest(expected.encode(), proof.encode()) else None

    def post(self, request: Request, key: str) -> Response:
        user = self.caller(request)
        if user is None or not isinstance(request.data, dict):
            raise PermissionDenied(
                '"user" is not proved: "hash" must be its HMAC-SHA256, hexadecimal, made with the secret of the site.'
            )
        return Response(self.answer(user, request.data))

    def answer(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


class Identify(SdkView):
    """Makes the person known, and this browser an address for in-app messages."""

    def answer(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        item: dict[str, Any] = {"external_id": user}
        for name in ("language", "time_zone"):
            if data.get(name) is not None:
                item[name] = data[name]
        given = _object(data, "attributes")
        allowed = {name: value for name, value in given.items() if name in self.site.allowed_attributes}
        if allowed:
            item["attributes"] = allowed
        if installation := _text(data, "installation"):
            item["addresses"] = [{"channel": Channel.IN_APP, "address": installation}]
        _store(item)
        return {"push_key": push_key(), "ignored": sorted(given.keys() - allowed.keys())}


class Track(SdkView):
    """Custom events of the visitor."""

    def answer(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        items = [{**item, "profile": user} if isinstance(item, dict) else item for item in _list(data, "events")]
        done = accept_events(actor=None, items=items)
        errors = [{"index": e.item, "path": e.path, "message": e.message} for e in done.errors]
        return {"accepted": done.accepted, "duplicates": done.duplicates, "errors": errors}


class Messages(SdkView):
    """What is to be shown to the visitor."""

    def answer(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        person = Profile.objects.filter(external_id=user).first()
        found = waiting.hand_over(person.pk) if person else []
        return {"messages": [waiting.shown(message) for message in found]}


class Reports(SdkView):
    """What the visitor did with messages."""

    def answer(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        reports = [_report(item, f"/reports/{index}") for index, item in enumerate(_list(data, "reports"))]
        person = Profile.objects.filter(external_id=user).first()
        return {"accepted": waiting.accept_reports(person.pk, reports) if person else 0}


class Push(SdkView):
    """A browser that wants, or does not want any more, to get push messages."""

    def answer(self, user: str, data: dict[str, Any]) -> dict[str, Any]:
        try:
            subscription = subscription_from_browser(data.get("subscription"))
        except ValueError as error:
            raise Unprocessable([("/subscription", f"{error}.")]) from error
        subscribed = data.get("subscribed", True) is True
        address = {"channel": Channel.PUSH, "address": subscription.address, "subscribed": subscribed}
        _store({"external_id": user, "addresses": [address]})
        return {"subscribed": subscribed}


def _store(item: dict[str, Any]) -> None:
    done = upsert_profiles(actor=None, items=[item])
    if done.errors:
        raise Unprocessable([(error.path, error.message) for error in done.errors])


def _report(item: object, path: str) -> waiting.Report:
    if not isinstance(item, dict):
        raise Unprocessable([(path, "Expected an object with message, event and id.")])
    event, id = item.get("event"), item.get("id")
    if not isinstance(event, str) or event not in waiting.EVENTS:
        raise Unprocessable([(f"{path}/event", f"Expected one of {', '.join(waiting.EVENTS)}.")])
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
        raise Unprocessable([(f"{path}/id", f"Expected a text of 1 to {LONGEST_ID} characters.")])
    try:
        return waiting.Report(UUID(str(item.get("message"))), event, id)
    except ValueError as error:
        raise Unprocessable([(f"{path}/message", "Expected the id of a message.")]) from error


def _object(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name) or {}
    if not isinstance(value, dict):
        raise Unprocessable([(f"/{name}", "Expected an object.")])
    return value


def _list(data: dict[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    if not isinstance(value, list) or len(value) > MOST_AT_ONCE:
        raise Unprocessable([(f"/{name}", f"Expected a list of at most {MOST_AT_ONCE}.")])
    return value


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name) or ""
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise Unprocessable([(f"/{name}", f"Expected a text of at most {LONGEST_ID} characters.")])
    return value


urlpatterns = [
    path("<str:key>/identify/", Identify.as_view(), name="sdk-identify"),
    path("<str:key>/track/", Track.as_view(), name="sdk-track"),
    path("<str:key>/messages/", Messages.as_view(), name="sdk-messages"),
    path("<str:key>/reports/", Reports.as_view(), name="sdk-reports"),
    path("<str:key>/push/", Push.as_view(), name="sdk-push"),
]
