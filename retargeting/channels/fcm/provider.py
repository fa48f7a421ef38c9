"""Push through Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import requests
from django import forms
from django.core.exceptions import ValidationError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Result
from retargeting.channels.fields import EndpointField, SecretArea, SecretField
from retargeting.channels.http.provider import (
    FIXED_BY_AN_ADMIN,
    HttpProvider,
    NotReady,
    Unsendable,
    by_status,
    retry_after,
)
from retargeting.channels.http.transport import Answer, Call
from retargeting.channels.push.addresses import NAMES, kind_of
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
ENDPOINT = "https://fcm.googleapis.com"
TOKEN_TIMEOUT = 5.0


class FcmSettings(PacedSettings):
    service_account = SecretField(
        label="Service account",
        widget=SecretArea,
        help_text="The JSON file of a key: Firebase console, Project settings, Service accounts.",
    )
    ttl = forms.IntegerField(
        label="Keep for so many seconds",
        required=False,
        min_value=0,
        max_value=2_419_200,
        help_text="How long Firebase tries to reach a phone that is off. Empty: four weeks.",
    )
    endpoint = EndpointField(ENDPOINT, label="Address of the service")

    field_order = ["service_account", "ttl", "rate", "endpoint"]

    def clean_service_account(self) -> str:
        text = self.cleaned_data["service_account"]
        try:
            _credentials(text)
        except ValueError as error:
            raise ValidationError(f"This is not the key file of a service account: {error}") from error
        return str(text)


@lru_cache(maxsize=8)
def _credentials(text: str) -> Credentials:
    """Keeps its access token for an hour, for all batches of this process. Raises ValueError."""
    info = json.loads(text)
    if not isinstance(info, dict) or not info.get("project_id"):
        raise ValueError("it names no project_id")
    return Credentials.from_service_account_info(info, scopes=[SCOPE])


class FcmProvider(HttpProvider):
    key = "fcm"
    label = "Firebase (FCM)"
    channels = frozenset({Channel.PUSH})
    settings_form = FcmSettings

    def prepare(self) -> None:
        settings = self.config.settings
        try:
            credentials = _credentials(settings.get("service_account", ""))
            if not credentials.valid:
                session = requests.Session()
                session.trust_env = False
                with session:
                    credentials.refresh(_Bounded(session))
        except ValueError as error:
            raise NotReady(f"the service account cannot be used: {error}") from error
        except GoogleAuthError as error:
            raise NotReady(f"no access token from Google: {error}") from error
        endpoint = (settings.get("endpoint") or ENDPOINT).rstrip("/")
        self.url = f"{endpoint}/v1/projects/{credentials.project_id}/messages:send"
        self.headers = {"Authorization": f"Bearer {credentials.token}", "Content-Type": "application/json"}

    def call(self, message: OutgoingMessage) -> Call:
        if (kind := kind_of(message.address)) != self.key:
            raise Unsendable(f"this is an address of {NAMES[kind]}, which Firebase does not reach")
        body = {"message": compose(message, self.config.settings.get("ttl"))}
        return Call(self.url, json.dumps(body, ensure_ascii=False).encode(), self.headers)

    def read(self, answer: Answer, message: OutgoingMessage) -> Outcome:
        if answer.status == 200:
            name = (answer.json() or {}).get("name", "")
            return Outcome(Result.ACCEPTED, provider_id=str(name))
        code, about_token = _error(answer.json())
        detail = f"{code}: {answer.words}" if code else answer.words
        match code:
            case "UNREGISTERED":
                return Outcome(Result.PERMANENT, detail=detail, suppress=SuppressionReason.INVALID)
            case "INVALID_ARGUMENT":
                gone = SuppressionReason.INVALID if about_token else None
                return Outcome(Result.PERMANENT, detail=detail, suppress=gone)
            case "SENDER_ID_MISMATCH":
                # The token is somebody else's, or the key is: the address is kept, lest a wrong key closes them all.
                return Outcome(Result.PERMANENT, detail=detail)
            case "THIRD_PARTY_AUTH_ERROR":
                # Firebase lacks the key for Apple or for Web Push: others can still be reached.
                return Outcome(Result.RETRY, detail=detail)
            case "QUOTA_EXCEEDED" | "UNAVAILABLE" | "INTERNAL" | "UNSPECIFIED_ERROR":
                wait = retry_after(answer) or (60.0 if code == "QUOTA_EXCEEDED" else None)
                return Outcome(Result.RETRY, detail=detail, retry_after=wait)
        if answer.status == 401:
            _credentials.cache_clear()  # the token was taken back before its time
        if answer.status in {401, 403, 404}:
            return Outcome(Result.RETRY, detail=detail, retry_after=FIXED_BY_AN_ADMIN)
        if answer.status in {502, 504}:
            # From the front ends of Google, whose own libraries try these again.
            return Outcome(Result.RETRY, detail=detail, retry_after=retry_after(answer))
        return by_status(answer)


class _Bounded(Request):
    """google-auth's transport, which waits two minutes unless told otherwise."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **{**kwargs, "timeout": TOKEN_TIMEOUT})


def compose(message: OutgoingMessage, ttl: int | None) -> dict[str, Any]:
    """The message as HTTP v1 has it: what the system shows, and `data` for the app that is opened by it."""
    content, report = message.content, message.headers.get("report", "")
    notification = {"title": content["title"], "body": content.get("body", "")}
    if content.get("image"):
        notification["image"] = content["image"]
    data = {"link": content.get("link", ""), "report": report}
    data |= {key: value for key, value in content.items() if key.startswith("action") and value}
    made: dict[str, Any] = {
        "token": message.address,
        "notification": notification,
        "data": {key: value for key, value in data.items() if value},
        "android": {"priority": "HIGH"},
        "apns": {"payload": {"aps": {"sound": "default", "mutable-content": 1}}},
    }
    if ttl is not None:
        made["android"]["ttl"] = f"{ttl}s"
    if content.get("image"):
        made["apns"]["fcm_options"] = {"image": content["image"]}
    if content.get("link", "").startswith("https://"):
        made["webpush"] = {"fcm_options": {"link": content["link"]}}
    return made


def _error(document: Any) -> tuple[str, bool]:
    """FCM's error code in an answer, and whether it complains about the token."""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return "", False
    details = [item for item in error.get("details") or [] if isinstance(item, dict)]
    code = next((item["errorCode"] for item in details if item.get("errorCode")), "")
    fields = [v.get("field") for item in details for v in item.get("fieldViolations") or [] if isinstance(v, dict)]
    about_token = "message.token" in fields or "registration token" in str(error.get("message", "")).lower()
    if not code and error.get("status") in {"INVALID_ARGUMENT", "UNAVAILABLE", "INTERNAL"}:
        code = error["status"]
    if not code and error.get("status") == "RESOURCE_EXHAUSTED":
        code = "QUOTA_EXCEEDED"
    return str(code), about_token
