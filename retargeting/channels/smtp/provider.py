"""Email through an SMTP server: one connection for a batch, one transaction of the protocol for a message."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr

from django import forms

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Provider, Result
from retargeting.channels.fields import SecretField
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason

TIMEOUT = 10.0  # seconds for each answer of the server
MAILBOX_GONE = {550, 551, 553}  # RFC 5321, 4.2.3: mailbox unavailable, not local, name not allowed

SECURITY = [("none", "None"), ("starttls", "STARTTLS"), ("tls", "TLS from the start")]


class SmtpSettings(PacedSettings):
    host = forms.CharField(max_length=255)
    port = forms.IntegerField(min_value=1, max_value=65535, initial=587)
    security = forms.ChoiceField(choices=SECURITY, initial="starttls")
    username = forms.CharField(max_length=255, required=False)
    password = SecretField(max_length=255, required=False, strip=False)

    field_order = ["host", "port", "security", "username", "password", "rate"]


class SmtpProvider(Provider):
    key = "smtp"
    label = "SMTP server"
    channels = frozenset({Channel.EMAIL})
    batch_size = 50
    settings_form = SmtpSettings

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            return [Outcome(Result.RETRY, detail=_said(error))] * len(messages)
        try:
            outcomes = list(self._each(server, messages))
        finally:
            # The mails are with the server; how it says goodbye changes nothing.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
        return outcomes

    def _connect(self) -> smtplib.SMTP:
        settings = self.config.settings
        connect = smtplib.SMTP_SSL if settings.get("security") == "tls" else smtplib.SMTP
        server = connect(settings.get("host", "localhost"), int(settings.get("port", 25)), timeout=TIMEOUT)
        try:
            if settings.get("security") == "starttls":
                server.starttls()
            if settings.get("username"):
                server.login(settings["username"], settings.get("password", ""))
        except BaseException:
            server.close()
            raise
        return server

    def _each(self, server: smtplib.SMTP, messages: Sequence[OutgoingMessage]) -> Iterator[Outcome]:
        """One outcome a message. After the connection is lost the rest have not been tried and can be tried again."""
        lost: str | None = None
        for message in messages:
            if lost is None and server.sock is None:
                lost = "the server closed the connection"
            if lost is not None:
                yield Outcome(Result.RETRY, detail=lost, attempted=False)
                continue
            try:
                yield self._one(server, message)
            except (OSError, smtplib.SMTPServerDisconnected) as error:
                lost = _said(error)
                # The text was on its way when the line broke: the server may or may not have taken it.
                yield Outcome(Result.UNKNOWN, detail=lost)

    def _one(self, server: smtplib.SMTP, message: OutgoingMessage) -> Outcome:
        try:
            mail = compose(message, self.config.sender)
            text = mail.as_bytes(policy=SMTP)
        except (ValueError, IndexError, MessageError) as error:
            return Outcome(Result.PERMANENT, detail=f"not a mail that can be sent: {error}")
        try:
            server.sendmail(parseaddr(self.config.sender)[1], [message.address], text)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            return _refusal(code, said, about_address=True)
        except smtplib.SMTPResponseException as error:
            return _refusal(error.smtp_code, error.smtp_error, about_address=False)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            return Outcome(Result.PERMANENT, detail=_said(error))
        return Outcome(Result.ACCEPTED, provider_id=str(mail["Message-ID"]))


def compose(message: OutgoingMessage, sender: str) -> EmailMessage:
    """The mail: text and HTML as alternatives. Raises ValueError for what cannot be a header or an address."""
    name, address = parseaddr(sender)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name=name, addr_spec=address)
    mail["To"] = Address(addr_spec=message.address)
    mail["Subject"] = " ".join(message.content["subject"].split())
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    for header, value in message.headers.items():
        mail[header] = value
    mail.set_content(message.content["text"])
    if message.content.get("html"):
        mail.add_alternative(message.content["html"], subtype="html")
    return mail


def _refusal(code: int, said: bytes | str, *, about_address: bool) -> Outcome:
    detail = f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    if code < 500:
        return Outcome(Result.RETRY, detail=detail)
    gone = about_address and code in MAILBOX_GONE
    return Outcome(Result.PERMANENT, detail=detail, suppress=SuppressionReason.BOUNCED if gone else None)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
