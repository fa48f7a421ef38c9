"""The queue of tasks, on django-q2 with its broker in the same database. Only this module imports django_q.

A task is a dotted path and ids. One that is enqueued in a transaction exists if and only if that commits. Tasks are
wake-ups: they may come twice, late or never, and the truth is in our own rows.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from multiprocessing.process import BaseProcess

import django_q.cluster
from django.conf import settings
from django.utils import timezone
from django_q.cluster import Cluster, Sentinel
from django_q.models import OrmQ
from django_q.tasks import async_task

logger = logging.getLogger(__name__)


def enqueue(path: str, *ids: int) -> None:
    """Have a worker call the function at the dotted `path` with `ids`."""
    async_task(path, *ids)


def backlog() -> int:
    """How many tasks wait for a worker. Those a worker has taken are not counted."""
    return OrmQ.objects.filter(lock__lte=timezone.now()).count()


class CarefulSentinel(Sentinel):
    """A sentinel that starts over when a worker was killed.

    The workers of a cluster share a multiprocessing queue, and a process that is killed while it holds one of the
    queue's locks holds it for ever: the others would wait without end, and so would the worker that takes its place.
    So after a kill the others finish what they are at, and then this process makes room for a fresh cluster.
    """

    def reincarnate(self, process: BaseProcess) -> None:
        if process.exitcode is not None and process.exitcode < 0:
            logger.warning("A worker was killed (signal %s); the cluster starts over.", -process.exitcode)
            self.event_out.set()
            self._let_the_others_finish(process)
            os.killpg(os.getpgrp(), signal.SIGKILL)
        super().reincarnate(process)

    def _let_the_others_finish(self, dead: BaseProcess) -> None:
        deadline = time.monotonic() + settings.TASK_TIMEOUT
        idle_checks = 0
        while idle_checks < 3 and time.monotonic() < deadline:
            # The timer is above zero while a worker is at a task.
            busy = [
                worker for worker in self.pool if worker is not dead and worker.is_alive() and worker.timer.value > 0
            ]
            idle_checks = 0 if busy else idle_checks + 1
            time.sleep(0.2)


def run_workers() -> None:
    """Run a cluster of workers until it is stopped. It ends by itself when a worker is killed: start it again.

    The caller must be the leader of a process group of its own.
    """
    django_q.cluster.Sentinel = CarefulSentinel
    Cluster().start()
