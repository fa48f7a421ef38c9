"""Which user agents are programs that fetch links and images without anybody looking."""

from __future__ import annotations

import re

# Previews, scanners, monitors, command-line tools. Image proxies that fetch when somebody reads (GoogleImageProxy and
# the like) are not among them.
PROGRAMS = re.compile(
    r"bot\b|crawl|spider|preview|facebookexternalhit|slackbot|whatsapp|barracuda|mimecast|proofpoint|safelinks"
    r"|curl/|wget/|python-requests|python-urllib|httpx|go-http-client|scanner|headless|phantomjs|symantec|trendmicro"
    r"|fireeye|forcepoint|sophos|urldefense|microsoft office protocol discovery|apache-httpclient|okhttp|java/",
    re.IGNORECASE,
)
# Apple's Mail Privacy Protection fetches all images when a mail arrives, and says no more than this.
APPLE_PRIVACY = "Mozilla/5.0"
# Gmail fetches images for an app that is running before the mail is shown; for a reader it names GoogleImageProxy.
GMAIL_AHEAD = re.compile(r"Chrome/42\.0\.2311\.135 Safari/537\.36 Edge/12\.246 Mozilla/5\.0$")


def is_program(agent: str) -> bool:
    agent = agent.strip()
    return agent in {"", APPLE_PRIVACY} or PROGRAMS.search(agent) is not None or GMAIL_AHEAD.search(agent) is not None
