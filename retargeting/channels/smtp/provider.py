"""Email through an SMTP server: a batch over several connections, one transaction of the protocol for a message."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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

FEWEST_EACH = 5
"""Messages that are worth a connection of their own."""
LINE_OF_DOT = re.compile(rb"(?m)^\.")

SECURITY = [("none", "None"), ("starttls", "STARTTLS"), ("tls", "TLS from the start")]


class SmtpSettings(PacedSettings):
    host = forms.CharField(max_length=255)
    port = forms.IntegerField(min_value=1, max_value=65535, initial=587)
    security = forms.ChoiceField(choices=SECURITY, initial="starttls")
    username = forms.CharField(max_length=255, required=False)
    password = SecretField(max_length=255, required=False, strip=False)

    connections = forms.IntegerField(
        min_value=1,
        max_value=20,
        initial=4,
        required=False,
        help_text="At once, of each worker. While the server answers on one, mails go out on the others.",
    )

    field_order = ["host", "port", "security", "username", "password", "connections", "rate"]


class SmtpProvider(Provider):
    key = "smtp"
    label = "SMTP server"
    channels = frozenset({Channel.EMAIL})
    batch_size = 100
    settings_form = SmtpSettings

    def deliver(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
        lanes = min(int(self.config.settings.get("connections") or 4), -(-len(messages) // FEWEST_EACH))
        if lanes == 1:
            return self._over_one(messages)
        outcomes: dict[int, Outcome] = {}
        with ThreadPoolExecutor(lanes) as pool:
            places = [range(lane, len(messages), lanes) for lane in range(lanes)]
            parts = pool.map(self._over_one, ([messages[place] for place in lane] for lane in places))
            for lane, part in zip(places, parts, strict=True):
                outcomes |= zip(lane, part, strict=True)
        return [outcomes[place] for place in range(len(messages))]

    def _over_one(self, messages: Sequence[OutgoingMessage]) -> list[Outcome]:
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
            server.ehlo_or_helo_if_needed()
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
            _transact(server, parseaddr(self.config.sender)[1], message.address, text)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            return _refusal(code, said, about_address=True)
        except smtplib.SMTPResponseException as error:
            return _refusal(error.smtp_code, error.smtp_error, about_address=False)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            return Outcome(Result.PERMANENT, detail=_said(error))
        return Outcome(Result.ACCEPTED, provider_id=str(mail["Message-ID"]))


def _transact(server: smtplib.SMTP, sender: str, recipient: str, text: bytes) -> None:
    """What `SMTP.sendmail` does, with the three commands at once where the server takes that (RFC 2920).

    Raises what it raises.
    """
    if not (server.has_extn("pipelining") and sender.isascii() and recipient.isascii()):
        server.sendmail(sender, [recipient], text)
        return
    body = " BODY=8BITMIME" if server.has_extn("8bitmime") else ""
    commands = f"MAIL FROM:{smtplib.quoteaddr(sender)}{body}\r\nRCPT TO:{smtplib.quoteaddr(recipient)}\r\nDATA\r\n"
    server.send(commands)
    mail, rcpt, data = server.getreply(), server.getreply(), server.getreply()
    accepted = mail[0] == 250 and rcpt[0] in {250, 251}
    end = data
    if data[0] == 354:
        # A server that goes on although nobody will get it is sent an empty text, which it refuses.
        server.send(LINE_OF_DOT.sub(b"..", text) + b".\r\n" if accepted else b".\r\n")
        end = server.getreply()
    if accepted and end[0] == 250:
        return
    if 421 in {mail[0], rcpt[0], data[0], end[0]}:
        server.close()
    else:
        server.rset()
    if mail[0] != 250:
        raise smtplib.SMTPSenderRefused(*mail, sender)
    if not accepted:
        raise smtplib.SMTPRecipientsRefused({recipient: rcpt})
    raise smtplib.SMTPDataError(*end)


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
