"""Tickets by which an end user may judge one turn and do nothing else.

Signed with a key of this process, so that the request asks no store for one; the writer keeps the key for the others.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Callable

VALID_SECONDS = 7 * 86400
"""How long a turn may be judged, and a judgement changed, after its ticket was given out."""

_SHAPE = re.compile(r"([0-9a-f]{8})-([0-9a-f]{1,12})-([0-9a-f]{32})-([0-9a-f]{32})")


class Mint:
    """Gives out tickets under one key, made with the first of them."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: a forked child has a key of its own."""
        self.id: str | None = None
        """Name of the key, None as long as there is none."""
        self.key = b""

    def issue(self, trace_id: int, now_ns: int) -> str:
        """Return a ticket for a trace."""
        if self.id is None:
            self.key, self.id = secrets.token_bytes(32), secrets.token_hex(4)
        said = f"{self.id}-{now_ns // 10**9:x}-{trace_id:032x}"
        return f"{said}-{_signature(self.key, said)}"

    def trace_of(self, ticket: str, key_of: Callable[[str], bytes | None], now_ns: int) -> str | None:
        """Return the id of the trace that a ticket is for, None where it is not one of ours or too old.

        Args:
            ticket: What came.
            key_of: Returns the key of another process by its name, None for none.
            now_ns: The time.
        """
        found = _SHAPE.fullmatch(ticket)
        if found is None or not 0 <= now_ns // 10**9 - int(found[2], 16) + 60 <= VALID_SECONDS:
            return None
        key = self.key if found[1] == self.id else key_of(found[1])
        signature = _signature(key or b"", ticket.rpartition("-")[0])
        return found[3] if key and hmac.compare_digest(signature, found[4]) else None


def _signature(key: bytes, said: str) -> str:
    return hmac.digest(key, said.encode(), "sha256").hex()[:32]


MINT = Mint()
"""That of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=MINT.forget)
