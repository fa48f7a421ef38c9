"""Many HTTP requests at once over few connections, on libcurl: HTTP/1.1, or HTTP/2 where the server speaks it.

What matters here is to know of every request whether it may have reached the server. So nothing is ever sent a second
time by itself: libcurl repeats a request when a kept connection turns out to be closed, and cannot when it is unable
to rewind the body, which is why bodies are read through a function.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import certifi
import pycurl
from django.conf import settings

LONGEST_ANSWER = 65_536  # bytes that are kept of one
CONNECT_TIMEOUT = 5.0
CONNECTIONS_OF_HTTP2 = 2


@dataclass(frozen=True, slots=True)
class Call:
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` have small names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def words(self) -> str:
        """Status and beginning of the body, for people."""
        return f"{self.status} {' '.join(self.body[:300].decode(errors='replace').split())}".strip()


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. `sent` unless it is certain that the request never left."""

    detail: str
    sent: bool


Reply = Answer | Failure


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout` is for one request, `total` for all, in seconds. `rate` are requests a second."""

    concurrency: int = 32
    timeout: float = 10.0
    total: float = 25.0
    rate: float | None = None
    http2: bool = False
    public_only: bool = False
    """Refuse addresses in our own network: for URLs that others name."""


class _Request:
    """One easy handle; used for one request after another, so that its connection is kept."""

    def __init__(self, limits: Limits) -> None:
        self.curl = pycurl.Curl()
        self.limits = limits
        self.refused = False

    def prepare(self, index: int, call: Call) -> None:
        self.index, self.refused = index, False
        self.body = BytesIO()
        self.headers: dict[str, str] = {}
        curl, limits = self.curl, self.limits
        curl.reset()
        curl.setopt(pycurl.URL, call.url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.CAINFO, certifi.where())
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(min(CONNECT_TIMEOUT, limits.timeout) * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(limits.timeout * 1000))
        curl.setopt(pycurl.HTTPHEADER, [*(f"{name}: {value}" for name, value in call.headers.items()), "Expect:"])
        curl.setopt(pycurl.WRITEFUNCTION, self._write)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)
        if limits.http2:
            secure = call.url.startswith("https:")
            version = pycurl.CURL_HTTP_VERSION_2TLS if secure else pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
            curl.setopt(pycurl.HTTP_VERSION, version)
            curl.setopt(pycurl.PIPEWAIT, 1)
        if limits.public_only and not settings.ALLOW_PRIVATE_ADDRESSES:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        if call.method != "GET":
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDSIZE, len(call.body))
            curl.setopt(pycurl.READFUNCTION, BytesIO(call.body).read)
            if call.method != "POST":
                curl.setopt(pycurl.CUSTOMREQUEST, call.method)

    def _write(self, data: bytes) -> None:
        if self.body.tell() < LONGEST_ANSWER:
            self.body.write(data)

    def _header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self.headers.clear()  # of a 1xx answer before the real one
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.headers[name.strip().lower()] = value.strip()

    def _open(self, purpose: int, address: Any) -> socket.socket | int:
        if not ipaddress.ip_address(address.addr[0].partition("%")[0]).is_global:
            self.refused = True
            return pycurl.SOCKET_BAD
        return socket.socket(address.family, address.socktype, address.protocol)

    def answer(self) -> Answer:
        return Answer(self.curl.getinfo(pycurl.RESPONSE_CODE), self.headers, self.body.getvalue())

    def failure(self, code: int, words: str) -> Failure:
        if self.refused:
            return Failure("the address lies in a private network", sent=False)
        # Bytes of this request that were written, also on a connection that was kept.
        sent = code == pycurl.E_SEND_FAIL_REWIND or self.curl.getinfo(pycurl.REQUEST_SIZE) > 0
        return Failure(words or f"curl error {code}", sent=sent)


def exchange(calls: Sequence[Call], limits: Limits, heard: Callable[[int, Reply], bool]) -> None:
    """Make `calls`; `heard` is told each one's index and reply, and says whether to start further ones.

    Calls that were not started by then, or in time, are not told of.
    """
    began = time.monotonic()
    multi = pycurl.CurlMulti()
    if limits.http2:
        multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, CONNECTIONS_OF_HTTP2)
    else:
        multi.setopt(pycurl.M_MAXCONNECTS, limits.concurrency)
    free = [_Request(limits) for _ in range(min(limits.concurrency, len(calls)))]
    busy: dict[Any, _Request] = {}
    waiting = iter(enumerate(calls))
    started = 0
    going_on = True
    try:
        while going_on or busy:
            going_on = going_on and time.monotonic() - began < limits.total - limits.timeout
            while going_on and free and _due(started, began, limits.rate):
                index, call = next(waiting, (-1, None))
                if call is None:
                    going_on = False
                    break
                request = free.pop()
                request.prepare(index, call)
                multi.add_handle(request.curl)
                busy[request.curl] = request
                started += 1
            multi.perform()
            for request, reply in _finished(multi, busy):
                multi.remove_handle(request.curl)
                free.append(request)
                going_on = heard(request.index, reply) and going_on
            if busy:
                multi.select(0.05)
            elif going_on:
                time.sleep(0.002)  # nothing under way, and by the pace nothing due
    finally:
        for curl in busy:
            multi.remove_handle(curl)
        multi.close()


def _due(started: int, began: float, rate: float | None) -> bool:
    return rate is None or time.monotonic() >= began + started / rate


def _finished(multi: pycurl.CurlMulti, busy: dict[Any, _Request]) -> Iterator[tuple[_Request, Reply]]:
    left = 1
    while left:
        left, fine, failed = multi.info_read()
        for curl in fine:
            request = busy.pop(curl)
            yield request, request.answer()
        for curl, code, words in failed:
            request = busy.pop(curl)
            yield request, request.failure(code, words)
