"""What the queue calls."""

from retargeting.messaging import sending


def send_chunk(chunk_id: int) -> None:
    sending.send_chunk(chunk_id=chunk_id)
