"""SMTP over several connections, with and without a server that takes commands together."""

from __future__ import annotations

import email
from email.policy import default

import pytest

from retargeting.channels.adapter import OutgoingMessage, Result
from retargeting.channels.models import ChannelConfig
from retargeting.channels.smtp.provider import SmtpProvider, compose
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


@pytest.mark.parametrize(
    ("subject", "text", "html"),
    [
        ("Hello", "plain", ""),
        ("Grüße für alle 😀", "Ünï\n" * 3, "<p>Grüße</p>"),
        ("word " * 60, "x" * 2000, "<p>" + "ü" * 3000 + "</p>"),
        ("長い件名" * 40, "a\r\nb\rc\n", "<p>\n</p>"),
        ('"quoted", and (odd)', "", "<p>only this</p>"),
    ],
)
@pytest.mark.parametrize("eight_bit", [True, False])
@pytest.mark.parametrize(
    "sender", ["Shop <shop@example.com>", '"Café, Zürich" <shop@example.com>', "shop@example.com"]
)
def test_a_mail_reads_as_it_was_written(subject, text, html, eight_bit, sender):
    content = {"subject": subject, "text": text, "html": html}
    headers = {"List-Unsubscribe": f"<https://shop.example/{'u' * 300}>"}
    message = OutgoingMessage(profile_id=1, address="ana@example.com", content=content, headers=headers)
    id, written = compose(message, sender, eight_bit=eight_bit)
    assert all(len(line) <= 998 for line in written.split(b"\r\n"))
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert eight_bit or written.isascii()
    mail = email.message_from_bytes(written, policy=default)
    assert not mail.defects
    assert mail["Subject"] == " ".join(subject.split())
    assert (mail["From"].addresses[0].addr_spec, mail["Message-ID"]) == ("shop@example.com", id)
    assert mail["From"].addresses[0].display_name == sender.partition("<")[0].strip('" ') * ("<" in sender)
    assert mail["List-Unsubscribe"] == headers["List-Unsubscribe"]
    plain = mail.get_body(("plain",)).get_content()
    assert plain.replace("\r\n", "\n").rstrip("\n") == text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if html:
        assert mail.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip("\n") == html.rstrip("\n")
