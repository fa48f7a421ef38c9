"""Email through an SMTP server: a batch over several connections, one transaction of the protocol for a message."""

from __future__ import annotations

import base64
import re
import smtplib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.utils import formataddr, formatdate, make_msgid, parseaddr
from secrets import token_hex
from typing import NamedTuple

from django import forms

from retargeting.channels.adapter import Outcome, OutgoingMessage, PacedSettings, Provider, Result
from retargeting.channels.fields import SecretField
from retargeting.conditions.nodes import Channel
from retargeting.profiles.models import SuppressionReason

TIMEOUT = 10.0  # seconds for each answer of the server
MAILBOX_GONE = {550, 551, 553}  # RFC 5321, 4.2.3: mailbox unavailable, not local, name not allowed

FEWEST_EACH = 5
"""Messages that are worth a connection of their own."""
NEWLINE = "\r\n"
LINE_END = re.compile(r"\r\n|\r|\n")
SHORT_HEADER, LONGEST_LINE = 76, 990  # RFC 5322, 2.1.1: 78 and 998 with the line end
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
            mail = compose(message, self.config.sender, eight_bit=server.has_extn("8bitmime"))
        except (ValueError, IndexError, MessageError) as error:
            return Outcome(Result.PERMANENT, detail=f"not a mail that can be sent: {error}")
        try:
            _transact(server, parseaddr(self.config.sender)[1], message.address, mail.text)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            return _refusal(code, said, about_address=True)
        except smtplib.SMTPResponseException as error:
            return _refusal(error.smtp_code, error.smtp_error, about_address=False)
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            return Outcome(Result.PERMANENT, detail=_said(error))
        return Outcome(Result.ACCEPTED, provider_id=mail.id)


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


class Mail(NamedTuple):
    id: str
    text: bytes


def compose(message: OutgoingMessage, sender: str, *, eight_bit: bool = True) -> Mail:
    """The mail: text and HTML as alternatives. Raises ValueError for what cannot be a header or an address.

    Put together here, since the classes of the standard library need ten times as long for it as a server for taking
    it (RFC 5322, RFC 2045, RFC 2046). With `eight_bit` text goes as it is where its lines are short enough.
    """
    name, address = parseaddr(sender)
    Address(addr_spec=address)  # refuses what is no address
    id = make_msgid(domain=address.rpartition("@")[2])
    lines = [
        _header("From", formataddr((name, address))),
        _header("To", str(Address(addr_spec=message.address))),
        _header("Subject", " ".join(message.content["subject"].split())),
        _header("Date", formatdate()),
        _header("Message-ID", id),
        *(_header(header, value) for header, value in message.headers.items()),
        "MIME-Version: 1.0\r\n",
    ]
    plain = _part("plain", message.content["text"], eight_bit)
    if not message.content.get("html"):
        return Mail(id, "".join(lines).encode("ascii") + plain)
    boundary = f"=_{token_hex(12)}"
    lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n')
    line = f"--{boundary}\r\n".encode()
    html = _part("html", message.content["html"], eight_bit)
    return Mail(id, "".join(lines).encode("ascii") + line + plain + line + html + f"--{boundary}--\r\n".encode())


def _header(name: str, value: str) -> str:
    if "\r" in value or "\n" in value:
        raise ValueError(f"{name} is one line")
    if value.isascii() and (len(value) < SHORT_HEADER or (" " not in value and len(value) < LONGEST_LINE)):
        return f"{name}: {value}\r\n"
    charset = "us-ascii" if value.isascii() else "utf-8"
    return f"{name}: {Header(value, charset, header_name=name).encode(linesep=NEWLINE)}\r\n"


def _part(kind: str, text: str, eight_bit: bool) -> bytes:
    """Headers and body of a part, which ends with a line end."""
    data = LINE_END.sub(NEWLINE, text).encode()
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if max(map(len, data.split(b"\r\n"))) <= LONGEST_LINE and (eight_bit or data.isascii()):
        encoding = "7bit" if data.isascii() else "8bit"
    else:
        encoding, data = "base64", base64.encodebytes(data).replace(b"\n", b"\r\n")
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode() + data


def _refusal(code: int, said: bytes | str, *, about_address: bool) -> Outcome:
    detail = f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    if code < 500:
        return Outcome(Result.RETRY, detail=detail)
    gone = about_address and code in MAILBOX_GONE
    return Outcome(Result.PERMANENT, detail=detail, suppress=SuppressionReason.BOUNCED if gone else None)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
