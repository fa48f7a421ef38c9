"""What the queue calls."""

from retargeting.messaging import dispatches, sending
from retargeting.messaging.models import Chunk


def send_chunk(chunk_id: int) -> None:
    """Send it, and ask for the next one of its dispatch."""
    if sending.send_chunk(chunk_id=chunk_id):
        dispatches.wake(Chunk.objects.values_list("dispatch", flat=True).get(pk=chunk_id))
