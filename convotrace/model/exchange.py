"""What is seen of one exchange: its two sides, its failure, how it came and where it was left, its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from convotrace.model.values import Json
from convotrace.quick import record


@record(frozen=True, slots=True)
class Payload:
    """One side of an exchange: what the person wrote or saw, and the body it travelled in."""

    text: str | None = None
    body: Json = None


@record(frozen=True, slots=True)
class Cut:
    """Whole size in bytes of a body that was cut at the limit; None where nothing was cut."""

    input: int | None = None
    output: int | None = None


@record(frozen=True, slots=True)
class Failure:
    """What went wrong, in the words of the machine."""

    type: str
    message: str
    stack: str | None = None


@record(frozen=True, slots=True)
class Left:
    """Where a client left an answer; `share` of all its bytes is known where their number is."""

    bytes: int
    after_ns: int
    chunks: int
    share: float | None = None


@record(frozen=True, slots=True)
class Flow:
    """How far an answer had come: so many bytes in so many parts, so long after the request."""

    after_ns: int
    bytes: int
    chunks: int


@record(frozen=True, slots=True)
class Request:
    """How the exchange reached the app, without cookies and secrets."""

    method: str
    path: str
    query: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str | None = None
    """Keyed hash of the peer address and user agent: tells clients apart, names nobody."""


@record(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a trace; `data` is there while it is written and where it was asked for by its id."""

    id: str
    name: str
    type: str
    size: int | None
    url: str | None = None
    """Where it lies, for one that was given by its address: nothing is fetched, so `size` is None."""
    data: bytes | None = field(default=None, repr=False)
    hash: str | None = None
    """Under what name its session holds the bytes; None where it does not."""
    left_out: str | None = None
    """Why its bytes are not kept: `size` `content` (switched off) `upload` (of a form) `unreadable`; else None."""

    @property
    def stored(self) -> bool:
        """Whether the bytes are kept."""
        return self.data is not None or self.hash is not None
