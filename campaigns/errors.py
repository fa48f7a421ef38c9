"""What cannot be done with a campaign, said to whoever tried."""

from __future__ import annotations


class CampaignError(ValueError):
    """The campaign cannot do that now; the message says why, and what to do."""


class NotReady(CampaignError):
    """The campaign has gaps. `problems` holds (section, sentence) pairs; a section is audience, message or when."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(text for _, text in problems))
