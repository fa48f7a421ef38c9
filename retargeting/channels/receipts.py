"""What is told of a message after it was sent: by a provider's webhook, by a device, by a person's answer.

Who records it stands above this app and registers in `AppConfig.ready()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.signing import BadSignature, Signer

from retargeting.conditions.nodes import Interaction
from retargeting.profiles.models import SuppressionReason


@dataclass(frozen=True, slots=True)
class Receipt:
    """`key` is unique for what is told: under the same key it counts once, however often it comes.

    Names its delivery, or only an address where nobody knows of which message the answer is. `suppress` asks that the
    address is not used again; `consent` is what the person has said about being written to, None if nothing.
    `second_hand` is what we see ourselves as a rule, such as an open: it counts where we have not.
    """

    key: str
    channel: str
    event: Interaction | None = None
    delivery_id: int | None = None
    address: str = ""
    occurred_at: datetime | None = None
    machine: bool = False
    suppress: SuppressionReason | None = None
    consent: bool | None = None
    second_hand: bool = False


Listener = Callable[[Sequence[Receipt]], None]

_listeners: list[Listener] = []


def on_receipts(listener: Listener) -> None:
    if listener not in _listeners:
        _listeners.append(listener)


def take(receipts: Sequence[Receipt]) -> None:
    """Have the receipts recorded. Raises what the database raises: whoever told us shall tell us again."""
    if receipts:
        for listener in _listeners:
            listener(receipts)


def sign_delivery(provider: str, delivery_id: int) -> str:
    """The delivery in an address that a provider calls back."""
    return Signer(salt=f"retargeting.channels.{provider}", sep=".").sign(str(delivery_id))


def read_delivery(provider: str, value: str) -> int:
    """Raises BadSignature for what `sign_delivery` did not make."""
    text = Signer(salt=f"retargeting.channels.{provider}", sep=".").unsign(value)
    if not text.isdecimal():
        raise BadSignature("not a delivery")
    return int(text)
