"""A mail as a page of its own, for a frame without rights."""

from __future__ import annotations

from django.http import HttpResponse

# A mail is a stranger's HTML: no scripts, no forms, nothing of ours within its reach.
POLICY = (
    "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; font-src https: data:;"
    " frame-ancestors 'self'"
)


def mail_response(html: str) -> HttpResponse:
    """Its view also says `xframe_options_sameorigin`."""
    return HttpResponse(html, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})
