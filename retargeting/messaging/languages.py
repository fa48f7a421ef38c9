"""The languages of one message: a default for everybody, and others for those who have told theirs.

A content is a flat map of fields, with `languages` beside them: {"de": {field: text}, …}. A language brings its own
words; links, pictures and choices that it leaves out are those of the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from retargeting.conditions.nodes import Channel
from retargeting.messaging.content import FIELDS, LANGUAGES


def told_in(content: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """What the message says in other languages than the default, by their codes in order."""
    return dict(sorted(content.get(LANGUAGES, {}).items()))


def default(content: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in content.items() if key != LANGUAGES}


def each(content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """(code, flat fields) of all languages, the default with an empty code first."""
    yield "", default(content)
    for code, words in told_in(content).items():
        yield code, dict(words)


def chosen(codes: Iterable[str], language: str) -> str:
    """Which of the codes somebody of `language` reads: theirs, the same in another country's form, or "" for none.

    Lookup of RFC 4647, 3.4: the last part is taken off until something fits; then any form of the same language.
    """
    known = {code.lower(): code for code in codes}
    wanted = language.lower()
    while wanted:
        if wanted in known:
            return known[wanted]
        wanted = wanted.rpartition("-")[0]
    base = language.lower().partition("-")[0]
    return next((known[code] for code in sorted(known) if base and code.partition("-")[0] == base), "")


def localized(channel: str, content: Mapping[str, Any], language: str) -> dict[str, str]:
    """The flat fields for somebody of this language."""
    others = content.get(LANGUAGES)
    if not others:
        return default(content)
    return in_language(channel, content, chosen(others, language))


def in_language(channel: str, content: Mapping[str, Any], code: str) -> dict[str, str]:
    """The flat fields in the language of a code that the message has; those of the default for ""."""
    flat = default(content)
    if not code:
        return flat
    words = content[LANGUAGES][code]
    shared = {field.key: flat[field.key] for field in FIELDS[Channel(channel)] if field.shared and field.key in flat}
    return {**shared, **words}


def with_language(content: Mapping[str, Any], code: str, words: Mapping[str, str] | None) -> dict[str, Any]:
    """The content with other words in one language, or without it (None); "" is the default."""
    others = {key: dict(value) for key, value in told_in(content).items()}
    flat = default(content)
    if not code:
        flat = dict(words or {})
    elif words is None:
        others.pop(code, None)
    else:
        others[code] = dict(words)
    return {**flat, **({LANGUAGES: others} if others else {})}
