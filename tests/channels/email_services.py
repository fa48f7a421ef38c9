"""An email service on loopback that answers as Postmark does."""

from __future__ import annotations

from tests.channels.webserver import Received, Reply, WebServer


class PostmarkServer(WebServer):
    """`refusals` maps an address to the answer that a mail to it gets."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.refusals: dict[str, Reply | None] = {}

    def _answer(self, request: Received) -> Reply | None:
        to = request.json["To"]
        document = {"ErrorCode": 0, "Message": "OK", "MessageID": f"id-{to}", "To": to}
        return self.refusals.get(to, Reply(200, document))

    @property
    def settings(self) -> dict[str, object]:
        return {"service": "postmark", "api_key": "token-1", "endpoint": self.url, "webhook_password": "us:secret"}


def postmark_error(status: int, code: int, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"ErrorCode": code, "Message": "No."}, named)
