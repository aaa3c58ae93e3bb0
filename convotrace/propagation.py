"""Ids on their way between services: W3C `traceparent`, `tracestate` and `baggage`, read and written; who may see them.

Pure text work. What is done with the ids is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

TRACEPARENT, TRACESTATE, BAGGAGE = "traceparent", "tracestate", "baggage"
SESSION, USER = "session.id", "user.id"
"""Baggage entries that name the session and the user."""

# https://www.w3.org/TR/trace-context/: version, trace id, parent id, flags; later versions may add more after a dash.
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII | re.DOTALL)
_MAX_STATE, _MAX_STATES = 512, 32
_OUR_STATE = "convotrace"
# https://www.w3.org/TR/baggage/: what everybody must be able to pass on; others cut there too.
_MAX_BAGGAGE, _MAX_MEMBERS, _MAX_MEMBER = 8192, 180, 4096


@dataclass(frozen=True, slots=True)
class Caller:
    """The trace and span that work was asked for by, with what its baggage said.

    Attributes:
        trace_id: 128 bits, never 0.
        span_id: 64 bits, never 0.
        flags: 1 where the caller recorded its side.
        session_id: The session it named.
        user_id: The user it named.
        ours: Whether the caller is recorded by convotrace, so that its span is known to be one.
    """

    trace_id: int
    span_id: int
    flags: int = 1
    session_id: str | None = None
    user_id: str | None = None
    ours: bool = False


def read_carrier(carrier: Any) -> Caller | None:
    """Return whom a mapping of header names and texts came from, None where it names nobody; never raises."""
    try:
        texts = {_text(name).lower(): _text(value) for name, value in carrier.items()}
    except Exception:  # no mapping at all, or one of a broken class
        return None
    return read_headers(texts)


def read_headers(headers: Mapping[str, str]) -> Caller | None:
    """Return whom lower-case headers came from, None without a valid `traceparent`."""
    found = read_traceparent(headers.get(TRACEPARENT))
    if found is None:
        return None
    trace_id, span_id, flags = found
    members = read_baggage(headers.get(BAGGAGE))
    ours = is_marked(headers.get(TRACESTATE), span_id)
    return Caller(trace_id, span_id, flags, members.get(SESSION), members.get(USER), ours)


def write_carrier(caller: Caller, state: str | None = None) -> dict[str, str]:
    """Return the headers that name a caller.

    Args:
        caller: Whom to name.
        state: The `tracestate` that the caller's own request came with, which is passed on.
    """
    headers = {
        TRACEPARENT: write_traceparent(caller.trace_id, caller.span_id, caller.flags),
        TRACESTATE: marked(state, caller.span_id),
    }
    members = merged(None, {SESSION: caller.session_id, USER: caller.user_id})
    return headers if members is None else {**headers, BAGGAGE: members}


def read_traceparent(text: str | None) -> tuple[int, int, int] | None:
    """Return trace id, span id and flags of a `traceparent`; None where it is not valid.

    A later version than ours is read as far as it is like ours, as the specification asks for.
    """
    match = _TRACEPARENT.fullmatch(text.strip(" \t")) if text else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5] is not None):
        return None
    trace_id, span_id = int(match[2], 16), int(match[3], 16)
    return (trace_id, span_id, int(match[4], 16) & 1) if trace_id and span_id else None


def write_traceparent(trace_id: int, span_id: int, flags: int = 1) -> str:
    """Return the `traceparent` of a span."""
    return f"00-{trace_id:032x}-{span_id:016x}-{flags:02x}"


def is_marked(state: str | None, span_id: int) -> bool:
    """Tell whether a `tracestate` says that convotrace recorded the span which the `traceparent` beside it names."""
    return f"{_OUR_STATE}={span_id:016x}" in _states(state)


def marked(state: str | None, span_id: int) -> str:
    """Return a `tracestate` that says so; entries of others keep their order, as many as there is room for."""
    kept = [f"{_OUR_STATE}={span_id:016x}"]
    size = len(kept[0])
    for entry in _states(state):
        size += 1 + len(entry)
        if size > _MAX_STATE or len(kept) == _MAX_STATES:
            break
        if not entry.startswith(_OUR_STATE + "="):
            kept.append(entry)
    return ",".join(kept)


def read_baggage(text: str | None) -> dict[str, str]:
    """Return the entries of a `baggage` header, decoded; of a repeated name the first counts.

    Properties of an entry are passed over, and so is what goes beyond the limits.
    """
    found: dict[str, str] = {}
    for entry in _members(text):
        name, equals, value = entry.partition(";")[0].partition("=")
        if equals and name.strip() and len(entry) <= _MAX_MEMBER:
            found.setdefault(name.strip(), unquote(value.strip()))
    return found


def merged(text: str | None, entries: Mapping[str, str | None]) -> str | None:
    """Return a `baggage` header with entries added; those it has already stay as they are.

    Args:
        text: The header as it is, None without one.
        entries: Names and values, None for what is not known.

    Returns:
        The header; None where there is nothing to say.
    """
    known = read_baggage(text)
    whole = text or ""
    for name, value in entries.items():
        member = f"{name}={quote(value or '', safe='', errors='replace')}"
        if not value or name in known or len(member) > _MAX_MEMBER:
            continue
        longer = f"{whole},{member}" if whole.strip() else member
        whole = longer if len(longer) <= _MAX_BAGGAGE else whole
    return whole or None


class Hosts:
    """The hosts that may see our ids.

    Args:
        names: `api.example.com`, `*.example.com` for all below it, each with a `:port` or for every port.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact: set[str] = set()
        self._below: set[tuple[str, str]] = set()
        for name in map(str.lower, names):
            if name.startswith("*."):
                suffix, port = _split(name[1:])
                self._below.add((suffix, port))
            else:
                self._exact.add(name)

    def __bool__(self) -> bool:
        return bool(self._exact or self._below)

    def names(self, host: str, port: int | None) -> bool:
        """Tell whether a host, called at a port, is among them."""
        host = host.lower().rstrip(".")
        host = f"[{host.strip('[]')}]" if ":" in host else host
        if host in self._exact or f"{host}:{port}" in self._exact:
            return True
        return any(host.endswith(suffix) and wanted in ("", str(port)) for suffix, wanted in self._below)


def _split(name: str) -> tuple[str, str]:
    host, colon, port = name.rpartition(":")
    return (host, port) if colon else (name, "")


def _states(text: str | None) -> list[str]:
    return [entry.strip() for entry in (text or "")[: 4 * _MAX_STATE].split(",") if entry.strip()]


def _members(text: str | None) -> list[str]:
    whole = text or ""
    members = whole[:_MAX_BAGGAGE].split(",")
    if len(whole) > _MAX_BAGGAGE and whole[_MAX_BAGGAGE] != ",":
        members.pop()  # half an entry would be another value
    return members[:_MAX_MEMBERS]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
