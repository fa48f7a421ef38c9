"""Twilio and a gateway on loopback."""

from __future__ import annotations

from urllib.parse import parse_qs

from tests.channels.webserver import Received, Reply, WebServer

TEMPLATE = '{"recipient": "{{ to }}", "message": "{{ text }}", "from": "{{ sender }}", "tell": "{{ callback }}"}'


class TwilioServer(WebServer):
    """`refusals` maps a number to the answer that it gets instead of 201."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.refusals: dict[str, Reply | None] = {}

    def _answer(self, request: Received) -> Reply | None:
        to = form_of(request)["To"]
        return self.refusals.get(to, Reply(201, {"sid": f"SM{len(self.received):032}", "status": "queued"}))

    @property
    def settings(self) -> dict[str, object]:
        return {"account_sid": "AC1", "auth_token": "token-1", "endpoint": self.url}


class GatewayServer(WebServer):
    def __init__(self) -> None:
        super().__init__(lambda request: Reply(200, {"message_id": f"m{len(self.received)}"}))

    @property
    def settings(self) -> dict[str, object]:
        return {
            "method": "POST",
            "url": f"{self.url}/send?key=1",
            "kind": "json",
            "body": TEMPLATE,
            "secret_headers": "Authorization: Bearer gw-1",
            "id_key": "message_id",
        }


def form_of(request: Received) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def twilio_error(status: int, code: int, **headers: str) -> Reply:
    document = {"code": code, "message": "No.", "more_info": "", "status": status}
    return Reply(status, document, {name.replace("_", "-"): value for name, value in headers.items()})
