"""What a text message costs: providers charge for its parts."""

from __future__ import annotations

from typing import NamedTuple

# GSM 03.38: the basic alphabet, and what takes two places of it.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")
LATIN, UNICODE = (160, 153), (70, 67)
"""Characters of a message alone, and of each part of one that is longer than that."""


class Size(NamedTuple):
    """`odd` is the first character that makes the whole text Unicode, with room for fewer; empty for none."""

    characters: int
    parts: int
    odd: str


def size_of(text: str) -> Size:
    """Places in the alphabet it needs, and the parts it goes out in: 160 or 153 each, in Unicode 70 or 67.

    A character of two places is never cut in two, so that a part may end one place early.
    """
    odd = next((char for char in text if char not in BASIC and char not in EXTENDED), "")
    if odd:
        widths = [2 if ord(char) > 0xFFFF else 1 for char in text]
        alone, each = UNICODE
    else:
        widths = [2 if char in EXTENDED else 1 for char in text]
        alone, each = LATIN
    places = sum(widths)
    if places <= alone:
        return Size(places, 1, odd)
    parts, room = 1, each
    for width in widths:
        if width > room:
            parts, room = parts + 1, each
        room -= width
    return Size(places, parts, odd)
