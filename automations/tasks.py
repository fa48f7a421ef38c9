"""What the queue calls."""

from automations import webhooks


def make_calls() -> None:
    webhooks.make_due()
