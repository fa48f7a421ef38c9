"""kill -9 of workers in the middle of a run: nobody gets two mails, nobody is lost."""

from __future__ import annotations

import inspect
import os
import signal
from collections import Counter

import psutil
import pytest

from campaigns.actions import create_campaign
from campaigns.models import Campaign, CampaignStatus
from campaigns.moves import launch
from retargeting.channels.models import ChannelConfig
from retargeting.channels.smtp.provider import SmtpProvider
from retargeting.messaging.models import Delivery, DeliveryStatus
from retargeting.profiles.models import Address, Profile
from retargeting.queue import enqueue
from tests.drills.processes import Process, running, wait_until
from tests.messaging.mailserver import MailServer

RECIPIENTS = 5000
KILL_AT = (700, 2000, 3500)
LEASE_SECONDS = "2"

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


def build(server: MailServer) -> Campaign:
    ChannelConfig.objects.create(
        channel="email", provider="smtp", sender="Shop <shop@example.com>", settings=server.settings
    )
    profiles = Profile.objects.bulk_create(Profile(external_id=f"p{index}") for index in range(RECIPIENTS))
    Address.objects.bulk_create(
        Address(profile=profile, channel="email", address=f"{profile.external_id}@example.com") for profile in profiles
    )
    content = {"subject": "Spring sale", "text": "It is on."}
    return create_campaign(actor=None, name="Spring sale", channel="email", content=content)


def sending_process(workers: Process, port: int) -> psutil.Process | None:
    """The worker that is connected to the mail server at this moment."""
    for process in workers.family():
        try:
            if any(link.raddr and link.raddr.port == port for link in process.net_connections("tcp")):
                return process
        except psutil.Error:
            continue
    return None


def kill_one(workers: Process, port: int) -> bool:
    process = sending_process(workers, port)
    if process is None:
        return False
    os.kill(process.pid, signal.SIGKILL)
    return True


def kill_all(workers: Process, port: int) -> bool:
    workers.kill()
    return True


def die_with_a_lock() -> None:
    """A task in which kill -9 finds the worker with the lock that its cluster takes to see how long it is at it."""
    frame = inspect.currentframe()
    while "timer" not in frame.f_locals:
        frame = frame.f_back
    frame.f_locals["timer"].get_lock().acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_with_a_lock_does_not_stop_its_cluster_for_ever():
    workers = Process("workers", RETARGETING_WORKERS="2", LOG_LEVEL="ERROR")
    with running(workers):
        enqueue("tests.drills.test_killed_workers.die_with_a_lock")

        def started_over() -> bool:
            return workers.starts > 1

        wait_until(started_over, seconds=30, meanwhile=workers.keep)


@pytest.mark.parametrize(("kill", "pool"), [(kill_one, 2), (kill_all, 1)], ids=["one-worker", "the-whole-cluster"])
def test_each_recipient_has_exactly_one_mail_after_three_kills(kill, pool):
    with MailServer() as server:
        campaign = build(server)
        workers = Process(
            "workers", RETARGETING_WORKERS=str(pool), RETARGETING_LEASE_SECONDS=LEASE_SECONDS, LOG_LEVEL="ERROR"
        )
        clock = Process("clock", RETARGETING_LEASE_SECONDS=LEASE_SECONDS, LOG_LEVEL="ERROR")
        with running(workers, clock):
            launch(actor=None, campaign=campaign)
            kills = 0

            def meanwhile() -> None:
                nonlocal kills
                workers.keep()
                due = kills < len(KILL_AT) and len(server.mailbox.mails) >= KILL_AT[kills]
                if due and kill(workers, server.port):
                    kills += 1

            def done() -> bool:
                return Campaign.objects.filter(pk=campaign.pk, status=CampaignStatus.COMPLETED).exists()

            wait_until(done, seconds=120, meanwhile=meanwhile)
        assert kills == len(KILL_AT)
        assert workers.starts > 1, "a cluster of which a worker was killed starts over"

        mails = server.mailbox.per_address
        statuses = Counter(Delivery.objects.values_list("status", flat=True))
        uncertain = set(Delivery.objects.filter(status=DeliveryStatus.UNCERTAIN).values_list("address", flat=True))
        assert sum(statuses.values()) == RECIPIENTS
        assert set(statuses) <= {DeliveryStatus.SENT, DeliveryStatus.UNCERTAIN}
        assert max(mails.values()) == 1, "nobody got two"
        missing = {f"p{index}@example.com" for index in range(RECIPIENTS)} - set(mails)
        assert missing <= uncertain, "nobody is lost: who has no mail is shown as uncertain"
        assert len(uncertain) <= kills * SmtpProvider.batch_size
