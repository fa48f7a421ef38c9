"""SMTP over several connections, with and without a server that takes commands together."""

from __future__ import annotations

import pytest

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.models import ChannelConfig
from retargeting.channels.smtp.provider import SmtpProvider
from tests.messaging.mailserver import MailServer


def ready(server: MailServer, **settings: object) -> SmtpProvider:
    return SmtpProvider(
        ChannelConfig(
            channel="email",
            provider="smtp",
            sender="Shop <shop@example.com>",
            settings={**server.settings, **settings},
        )
    )


def mails(number: int, text: str = "Hello") -> list[OutgoingMessage]:
    return [
        OutgoingMessage(
            profile_id=index, address=f"p{index}@example.com", content={"subject": f"No. {index}", "text": text}
        )
        for index in range(number)
    ]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("connections", [1, 4, 20])
def test_each_mail_of_a_batch_has_its_own_outcome(pipelining, connections):
    with MailServer(pipelining=pipelining) as server:
        server.mailbox.refuse = {
            "p3@example.com": "550 no such user",
            "p4@example.com": "451 try later",
            "p60@example.com": "552 full",
        }
        outcomes = ready(server, connections=connections).deliver(mails(100))
    said = {index: outcome for index, outcome in enumerate(outcomes) if outcome.result is not Result.ACCEPTED}
    assert {index: outcome.result for index, outcome in said.items()} == {
        3: Result.PERMANENT,
        4: Result.RETRY,
        60: Result.PERMANENT,
    }
    assert "no such user" in said[3].detail
    assert said[3].suppress
    assert not said[60].suppress
    assert server.mailbox.per_address == {f"p{index}@example.com": 1 for index in range(100) if index not in said}
    by_id = {str(mail["Message-ID"]): str(mail["Subject"]) for _, mail in server.mailbox.mails}
    assert all(
        by_id[outcome.provider_id] == f"No. {index}" for index, outcome in enumerate(outcomes) if index not in said
    )


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_text_arrives_as_it_was_written(pipelining):
    text = ".\n..\n.Grüße\n\n. end\n"
    with MailServer(pipelining=pipelining) as server:
        [outcome] = ready(server).deliver(mails(1, text))
    assert outcome.result is Result.ACCEPTED
    assert server.mailbox.to("p0@example.com").get_content().replace("\r\n", "\n") == text


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_text_that_is_refused_is_final_and_the_next_goes_out(pipelining):
    with MailServer(pipelining=pipelining) as server:
        answers = iter(["554 looks like spam", "250 OK", "421 busy", "250 OK"])

        async def judge(*_: object) -> str:
            return next(answers)

        server.mailbox.handle_DATA = judge  # type: ignore[method-assign]
        outcomes = ready(server, connections=1).deliver(mails(4))
    assert [outcome.result for outcome in outcomes] == [
        Result.PERMANENT,
        Result.ACCEPTED,
        Result.RETRY,
        Result.RETRY,  # the server has said goodbye
    ]
    assert not outcomes[3].attempted
    assert "spam" in outcomes[0].detail
