from __future__ import annotations

import pytest

from retargeting.messaging.sms import size_of


@pytest.mark.parametrize(
    ("text", "characters", "parts", "odd"),
    [
        ("", 0, 1, ""),
        ("x" * 160, 160, 1, ""),
        ("x" * 161, 161, 2, ""),
        ("x" * 306, 306, 2, ""),
        ("x" * 307, 307, 3, ""),
        ("€" * 80, 160, 1, ""),
        ("€" * 81, 162, 2, ""),
        ("x" * 152 + "€" + "x" * 152, 306, 3, ""),  # the sign for Euro does not fit into the end of the first part
        ("Grüße, à bientôt", 16, 1, "ô"),
        ("я" * 70, 70, 1, "я"),
        ("я" * 71, 71, 2, "я"),
        ("😀" * 35, 70, 1, "😀"),
        ("x" * 66 + "😀" + "x" * 66, 134, 3, "😀"),
    ],
)
def test_a_text_has_the_size_that_a_provider_charges_for(text, characters, parts, odd):
    assert size_of(text) == (characters, parts, odd)
