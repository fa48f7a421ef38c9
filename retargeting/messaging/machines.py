"""Telling machines from people. The rules are stated in docs/machine-opens.md; what they mark is kept, not dropped."""

from __future__ import annotations

import re

from django.http import HttpRequest

# Programs that fetch links and images without anybody looking: previews, scanners, monitors, command-line tools.
# Image proxies of mail programs (GoogleImageProxy and the like) are not among them: they fetch when somebody reads.
AGENTS = re.compile(
    r"bot\b|crawl|spider|preview|facebookexternalhit|slackbot|whatsapp|barracuda|mimecast|proofpoint|safelinks"
    r"|curl/|wget/|python-requests|python-urllib|httpx|go-http-client|scanner",
    re.IGNORECASE,
)


def is_machine(request: HttpRequest) -> bool:
    """Whether this request for a pixel or a link was not made by somebody who reads."""
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    agent = request.headers.get("User-Agent", "")
    return request.method == "HEAD" or "prefetch" in purpose or not agent or AGENTS.search(agent) is not None
