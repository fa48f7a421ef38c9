"""Google's token service and Firebase Cloud Messaging on loopback, as far as a sender sees of them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.channels.webserver import Received, Reply, WebServer

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


class FcmServer(WebServer):
    """`errors` maps a registration token to the answer that it gets instead of 200."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.errors: dict[str, Reply | None] = {}

    def _answer(self, request: Received) -> Reply | None:
        if request.path == "/token":
            return Reply(document={"access_token": "access", "expires_in": 3600, "token_type": "Bearer"})
        token = request.json["message"]["token"]
        name = f"projects/shop-1/messages/{len(self.received)}"
        return self.errors.get(token, Reply(document={"name": name}))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [request.json["message"] for request in self.sent("messages:send")]

    @property
    def settings(self) -> dict[str, object]:
        account = {
            "type": "service_account",
            "project_id": "shop-1",
            "private_key_id": "1",
            "private_key": private_key(),
            "client_email": "sender@shop-1.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }
        return {"service_account": json.dumps(account), "endpoint": self.url}


class FcmAmongOthers(FcmServer):
    """The same with the settings of a channel that other services are on as well."""

    @property
    def settings(self) -> dict[str, object]:
        return {"fcm_use": True, **{f"fcm_{name}": value for name, value in super().settings.items()}}


def refusal(status: int, canonical: str, code: str | None = None, field: str | None = None, **headers: str) -> Reply:
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    if field:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": "Invalid"}]})
    error = {"code": status, "message": "No.", "status": canonical, "details": details}
    return Reply(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})
