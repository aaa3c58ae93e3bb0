"""One POST to an address that somebody configured: signed, bounded in time and size, never into the private network.

The address is looked up once and connected to as looked up, so that a name cannot change its mind in between, and
nothing is followed: an answer that leads elsewhere is a failure.
"""

from __future__ import annotations

import hmac
import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from convotrace.errors import SettingsError
from convotrace.store.native import Signal, start_thread

TIMEOUT = 5.0
ALL_IN_ALL = 15.0
"""Seconds after which a receiver is given up that answers all the time, but never to an end."""
TRIES, FIRST_PAUSE = 4, 1.0
_READ_AT_MOST = 4096
KINDS = ("json", "slack", "pagerduty")


class NotDelivered(Exception):
    """Why a notice did not arrive; `again` where another try may help."""

    def __init__(self, why: str, again: bool) -> None:
        super().__init__(why)
        self.again = again


@dataclass(frozen=True)
class Webhook:
    """Where notices are sent.

    Args:
        url: `https://…`, or `http://…`.
        kind: `json` for ours, `slack` for an incoming webhook, `pagerduty` for its Events API v2.
        secret: Signs the body: `X-Convotrace-Signature: t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
        routing_key: Of PagerDuty.
        allow_private: Whether the address may be of this machine or a private network.
    """

    url: str
    kind: str = "json"
    secret: str | None = None
    routing_key: str | None = None
    allow_private: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("a webhook's address came that is none; write it as https://hooks.example.com/path.")
        if self.kind not in KINDS:
            raise SettingsError(f"a webhook has kind={self.kind!r}; use one of {', '.join(KINDS)}.")
        if self.kind == "pagerduty" and not self.routing_key:
            raise SettingsError("a webhook of PagerDuty needs its routing_key.")


def post(hook: Webhook, body: bytes, now: float | None = None) -> None:
    """Send a body once.

    Raises:
        NotDelivered: It was not taken; the sentence holds no part of the address but its host.
    """
    parts = urlsplit(hook.url)
    connection = _connection(hook, parts.scheme, parts.hostname or "", parts.port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "convotrace", **_signed(hook, body, now)}
    over = Signal()
    try:
        start_thread(lambda: _give_up(connection, over), "convotrace-webhook")
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        response.read(_READ_AT_MOST)
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"{parts.hostname} did not answer ({type(error).__name__})", again=True) from None
    finally:
        over.set()
        connection.close()
    if not 200 <= response.status < 300:
        may_help = response.status in (408, 429) or response.status >= 500
        raise NotDelivered(f"{parts.hostname} answered {response.status}", again=may_help)


def _give_up(connection: http.client.HTTPConnection, over: Signal) -> None:
    """Break a connection off that takes too long: its time-out counts from byte to byte."""
    if over.wait(ALL_IN_ALL):
        return
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError):  # it is not connected yet, or no more
        return


def _signed(hook: Webhook, body: bytes, now: float | None) -> dict[str, str]:
    if hook.secret is None:
        return {}
    seconds = int(time.time() if now is None else now)
    signature = hmac.digest(hook.secret.encode(), f"{seconds}.".encode() + body, "sha256").hex()
    return {"X-Convotrace-Signature": f"t={seconds},v1={signature}"}


def _connection(hook: Webhook, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    port = port or (443 if scheme == "https" else 80)
    address = _address(hook, host, port)
    connection: Any
    if scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    # Connected to what was looked up and found harmless, under the name that was given.
    connection._create_connection = lambda _where, *rest: socket.create_connection((address, port), *rest)
    found: http.client.HTTPConnection = connection
    return found


def _address(hook: Webhook, host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise NotDelivered(f"{host} was not found", again=True) from None
    addresses = [str(one[4][0]) for one in found]
    if not hook.allow_private:
        addresses = [one for one in addresses if _is_public(one)]
    if not addresses:
        raise NotDelivered(f"{host} is of this machine or a private network; set allow_private=True", again=False)
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return bool(inner.is_global) and not inner.is_multicast
