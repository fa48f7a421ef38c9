"""The queue of tasks, on django-q2 with its broker in the same database. Only this module imports django_q.

A task is a dotted path and ids. One that is enqueued in a transaction exists if and only if that commits. Tasks are
wake-ups: they may come twice, late or never, and the truth is in our own rows.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from multiprocessing.process import BaseProcess

import django_q.cluster
from django.conf import settings
from django.utils import timezone
from django_q.cluster import Cluster, Sentinel
from django_q.models import OrmQ
from django_q.tasks import async_task

logger = logging.getLogger(__name__)

LOOKS_OUT_EVERY = 0.5  # seconds


def enqueue(path: str, *ids: int) -> None:
    """Have a worker call the function at the dotted `path` with `ids`."""
    async_task(path, *ids)


def backlog() -> int:
    """How many tasks wait for a worker. Those a worker has taken are not counted."""
    return OrmQ.objects.filter(lock__lte=timezone.now()).count()


class CarefulSentinel(Sentinel):
    """A sentinel that starts over when one of its processes was killed.

    The processes of a cluster share queues and timers, and one that is killed while it holds a lock of these holds it
    for ever: the others would wait without end, and so would the process that takes its place, or the sentinel itself.
    So after a kill the others finish what they are at, and then this process makes room for a fresh cluster. A thread
    looks out for that, which takes none of the locks.
    """

    def guard(self) -> None:
        threading.Thread(target=self._look_out, name="look-out", daemon=True).start()
        super().guard()

    def reincarnate(self, process: BaseProcess) -> None:
        if _was_killed(process):
            self._start_over(process)
        super().reincarnate(process)

    def _look_out(self) -> None:
        while True:
            time.sleep(LOOKS_OUT_EVERY)  # polled: what else tells of an end may be what the dead one holds
            for process in filter(None, [*self.pool, self.monitor, self.pusher]):
                if _was_killed(process):
                    self._start_over(process)

    def _start_over(self, dead: BaseProcess) -> None:
        logger.warning("A worker was killed (signal %s); the cluster starts over.", -(dead.exitcode or 0))
        if dead is not self.pusher:  # which alone shares this lock
            self.event_out.set()
        deadline = time.monotonic() + settings.TASK_TIMEOUT
        idle_checks = 0
        while idle_checks < 3 and time.monotonic() < deadline:
            # The timer is above zero while a worker is at a task. It is read without its lock.
            busy = [worker for worker in self.pool if worker.is_alive() and worker.timer.get_obj().value > 0]
            idle_checks = 0 if busy else idle_checks + 1
            time.sleep(0.2)
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _was_killed(process: BaseProcess) -> bool:
    return process.exitcode is not None and process.exitcode < 0


def run_workers() -> None:
    """Run a cluster of workers until it is stopped. It ends by itself when a worker is killed: start it again.

    The caller must be the leader of a process group of its own.
    """
    django_q.cluster.Sentinel = CarefulSentinel
    Cluster().start()
