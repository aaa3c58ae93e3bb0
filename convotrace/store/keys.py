"""The integer keys of rows: made by the client, spread over shards, ordered by time inside a session.

Full ids stand in their rows; what a key means to a table is decided in `schema`.
"""

from __future__ import annotations

import re
import zlib
from hashlib import blake2b

_HEX_TRACE = re.compile(r"[0-9a-f]{32}\Z")
_FILL = b"\xff"
_REMEMBERED = 2000


class SessionKeys:
    """Makes the key of a session from its id and the secret of the store."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # Two ids may share a hash (3e-8 for a million sessions): the second is salted, once that is known.
        self._salted: dict[str, int] = {}
        self._lately: dict[str, int] = {}

    def of(self, session_id: str) -> int:
        """Return the key under which a session is written."""
        found = self._lately.get(session_id)
        if found is None:
            found = self.candidate(session_id, self._salted.get(session_id, 0))
            if len(self._lately) >= _REMEMBERED:
                self._lately.clear()
            self._lately[session_id] = found
        return found

    def candidate(self, session_id: str, salt: int) -> int:
        """Return the key of a session after `salt` collisions."""
        raw = session_id.encode("utf-8", "surrogatepass")
        if salt:
            raw += b"\0" + str(salt).encode()
        return int.from_bytes(blake2b(raw, digest_size=8, key=self._secret).digest(), "big", signed=True)

    def take_next(self, session_id: str) -> None:
        """Note that the present key of this session belongs to another one."""
        self._salted[session_id] = self._salted.get(session_id, 0) + 1
        self._lately.pop(session_id, None)


def trace_key(started_ns: int, trace_id: str) -> int:
    """Return the key of a trace: its start to a microsecond, then ten bits of its id."""
    low = zlib.crc32(trace_id.encode("utf-8", "surrogatepass")) & 1023
    return (max(started_ns, 0) & ~1023) | low


def pack_trace_id(trace_id: str) -> bytes:
    """Return a trace id in 16 bytes, or as marked UTF-8 when it has another form."""
    if _HEX_TRACE.match(trace_id):
        return bytes.fromhex(trace_id)
    raw = trace_id.encode("utf-8", "surrogatepass") + _FILL
    return raw + _FILL if len(raw) == 16 else raw


def unpack_trace_id(packed: bytes) -> str:
    """Return the trace id that was packed."""
    if len(packed) == 16:
        return packed.hex()
    return packed.rstrip(_FILL).decode("utf-8", "surrogatepass")


def keys_below(share: float) -> int:
    """Return the key below which a share of all sessions is: keys are hashes, so these are a fair sample of them."""
    return int(share * (1 << 64)) - (1 << 63)
