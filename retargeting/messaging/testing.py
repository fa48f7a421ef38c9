"""Seeing a message before it goes out: filled in for one person, on the page or sent as a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retargeting.accounts.actions import Actor, note
from retargeting.channels.adapter import Outcome, OutgoingMessage
from retargeting.channels.registry import config_of, provider_for
from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import LANGUAGES, ContentError, check, language_name
from retargeting.messaging.eligibility import people
from retargeting.messaging.languages import chosen, in_language, told_in
from retargeting.messaging.liquid import TemplateError
from retargeting.messaging.models import SkipReason
from retargeting.messaging.rendering import NOTHING, render, values_for
from retargeting.messaging.sms import Size, size_of
from retargeting.messaging.tracking import Recipient
from retargeting.profiles.models import Profile

MARK = "[Test] "
MARKED = {Channel.PUSH: "title", Channel.EMAIL: "subject", Channel.SMS: "text", Channel.IN_APP: "title"}
"""The field of each channel that says it is a test."""


class TestRefused(ValueError):
    """The test cannot be sent; the message says why, for whoever asked for it."""

    __test__ = False  # for pytest, which takes the name for a class of tests


@dataclass(frozen=True, slots=True)
class Preview:
    """`content` as `person` would see it; fields with `errors` are left empty. `sender` is who it is from.

    `language` is the code of the one it is in and `reads` of the one they get, empty for the default; `size` is what a
    text message costs, with its links made short where `links_short`.
    """

    channel: str
    content: dict[str, str]
    errors: list[ContentError]
    person: Profile | None
    sender: str
    language: str = ""
    reads: str = ""
    size: Size | None = None
    links_short: bool = False

    @property
    def reads_name(self) -> str:
        return language_name(self.reads)


def preview(
    *,
    channel: str,
    content: Mapping[str, Any],
    profile: Profile | None,
    campaign: str,
    language: str | None = None,
    event: Mapping[str, Any] = NOTHING,
) -> Preview:
    """The message as far as it has been written; without a `profile`, for somebody of whom nothing is known.

    It is in their language, or in the one that is asked for by its code. `event` has the properties of what began
    their journey, where it is a step of an automation.
    """
    errors = check(channel, content, complete=False)
    wrong = {error.field for error in errors}
    reads = chosen(told_in(content), profile.language if profile else "")
    code = reads if language is None else language
    begins = f"{LANGUAGES}/{code}/" if code else ""
    sound = {
        key: value
        for key, value in in_language(channel, content, code).items()
        if f"{begins}{key}" not in wrong and key not in wrong
    }
    values = _values(profile, campaign, event)
    filled, size, short = dict[str, str](), None, False
    try:
        filled = render(channel, sound, values, None).content
        if channel == Channel.SMS:
            text = render(channel, sound, values, LIKE_OTHERS).content["text"]
            size, short = size_of(text), text != filled["text"]
    except TemplateError as error:
        errors = [*errors, ContentError("", f"For this person it cannot be filled in. {error}")]
    return Preview(channel, filled, errors, profile, config_of(channel).sender, code, reads, size, short)


LIKE_OTHERS = Recipient(1_000_000, 1_000_000)
"""Whose short links are about as long as those of anybody."""


def _values(profile: Profile | None, campaign: str, event: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    if profile is None:
        return values_for({}, "", "", campaign, event)
    return values_for(profile.attributes, profile.external_id, profile.language, campaign, event)


def send_test(
    *,
    actor: Actor,
    channel: str,
    content: Mapping[str, Any],
    profile: Profile,
    address: str | None = None,
    campaign: str = "",
    language: str | None = None,
) -> Outcome:
    """Send the message, filled in for `profile`, to `address` or else to their own; call it outside a transaction.

    It is in the profile's language, or in the one that is asked for. It is marked as a test and leaves no delivery and
    no events. Raises TestRefused.
    """
    if mistakes := check(channel, content):
        raise TestRefused(f"The message is not finished: {mistakes[0].message}.")
    to = address or _own_address(channel, profile)
    try:
        code = chosen(told_in(content), profile.language) if language is None else language
        filled = render(channel, in_language(channel, content, code), _values(profile, campaign), None).content
    except TemplateError as error:
        raise TestRefused(f"For {profile} the message cannot be filled in. {error}") from error
    field = MARKED[Channel(channel)]
    filled[field] = MARK + filled.get(field, "")
    [outcome] = provider_for(channel).send([OutgoingMessage(profile_id=profile.pk, address=to, content=filled)])
    summary = f"Sent a test message of {campaign or channel} to {to}, filled in for {profile}: {outcome.result}."
    note(actor=actor, verb="test", instance=profile, summary=summary)
    return outcome


def _own_address(channel: str, profile: Profile) -> str:
    found = people([profile.pk], channel)
    if not found:
        raise TestRefused(f"{profile} is not there any more.")
    if found[0].skip is not None:
        raise TestRefused(
            f"{profile} cannot be written to: {SkipReason(found[0].skip).label.lower()}. Type an address."
        )
    return found[0].address
