"""Where texts stand in records: a change as it comes from a request, the same without what must not be stored.

Done before anything is decided, joined or queued for the disk. Files are not looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, TypeVar, cast

from convotrace.model import (
    Attachment,
    Change,
    Document,
    Event,
    Failure,
    Json,
    Link,
    Lookup,
    Payload,
    Request,
    Score,
    SessionFacts,
    Span,
    ToolDefinition,
    Trace,
)
from convotrace.redaction.fields import remember
from convotrace.redaction.mask import Mask

R = TypeVar("R")

_TEXTS: dict[type, tuple[str, ...]] = {
    Payload: ("text", "body"),
    Failure: ("message", "stack"),
    Document: ("text", "title", "url", "metadata"),
    ToolDefinition: ("description", "schema"),
    Event: ("name", "attributes"),
    Score: ("value", "comment", "reason"),
    Attachment: ("name", "url"),
    Request: ("path", "query", "headers"),
    Span: ("name", "error", "parameters", "tools", "input", "output", "arguments", "result", "query", "documents",
           "tags", "metadata", "attributes", "events", "scores"),
    Trace: ("name", "input", "output", "error", "tags", "metadata", "request", "attachments", "spans", "events",
            "scores"),
    SessionFacts: ("name", "tags", "metadata", "outcome_reason", "events", "scores"),
}  # fmt: skip
_GET = {record: attrgetter(*names) for record, names in _TEXTS.items()}
_WITHHELD = "[redacted: what was sent in pieces]"
_STREAMS = ("data:", "event:", "id:", "retry:", ":", "{", "[")
_SHORTEST = 5
_SHORTEST_USER = 4
_LONG_NUMBER = 10**12
_DEEPEST = 200
_NO_TEXT = frozenset({bool, float})


def masked_change(mask: Mask, change: Change) -> Change:
    """Return a change without what must not be stored; one that holds nothing of the kind is returned as it is."""
    trace, session = change.trace, change.session
    user = session.user_id or (None if trace is None else trace.user_id)
    names = _names(mask, change)
    gathered = _Gathered(mask.harmless)
    gathered.take(session, 0)
    gathered.take(trace, 0)
    if names == (session.id, user) and mask.is_clean(gathered.texts):
        gathered.remember()
        return change
    return _change(_Cleaner(mask, user), change, names)


def masked_later(mask: Mask, change: Change) -> Change:
    """Return a change as `masked_change` does, also where what is stored decides it, or others of its trace join it."""
    decide, unites = change.decide, change.unites
    if decide is None:
        return masked_change(mask, change)

    def decided(lookup: Lookup) -> Change | None:
        found = decide(lookup)
        return None if found is None else masked_change(mask, found)

    def united(earlier: Sequence[Change]) -> Change:
        assert unites is not None
        return masked_later(mask, unites(earlier))

    return replace(change, decide=decided, unites=None if unites is None else united)


def masked(mask: Mask, value: R) -> R:
    """Return a record, or a value of JSON types, without what must not be stored."""
    return value if mask.is_idle else cast(R, _Cleaner(mask, None).value(value, 0))


def _names(mask: Mask, change: Change) -> tuple[str, str | None]:
    session = change.session
    user = session.user_id or (None if change.trace is None else change.trace.user_id)
    return mask.id(session.id), None if user is None else mask.user(user)


def _change(cleaner: _Cleaner, change: Change, names: tuple[str, str | None]) -> Change:
    session_id, user = names
    mask, facts = cleaner.mask, change.session
    session = replace(
        cleaner.value(facts, 0),
        id=session_id,
        user_id=None if facts.user_id is None else user,
        other_id=None if facts.other_id is None else mask.id(facts.other_id),
        links=tuple(Link(mask.id(link.session_id), link.relation) for link in facts.links),
    )
    trace = change.trace
    if trace is not None:
        cleaned = _trace(cleaner, trace)
        trace = replace(cleaned, session_id=session_id, user_id=None if trace.user_id is None else user)
    written_as = None if change.written_as is None else mask.id(change.written_as)
    return replace(change, session=session, trace=trace, written_as=written_as)


def _trace(cleaner: _Cleaner, trace: Trace) -> Trace:
    cleaned: Trace = cleaner.value(trace, 0)
    said = cleaned.output.text != trace.output.text or any(
        mine.output != theirs.output for mine, theirs in zip(trace.spans, cleaned.spans, strict=True)
    )
    if said and _is_stream(trace.output.body):
        # Its pieces may each be harmless, and together what the whole reply must not show.
        return replace(cleaned, output=Payload(cleaned.output.text, _WITHHELD))
    return cleaned


def _is_stream(body: Json) -> bool:
    return isinstance(body, list) or (isinstance(body, str) and body.lstrip("\ufeff\r\n ").startswith(_STREAMS))


class _Gathered:
    """Every text of some records, but for the names of fields in which nothing was found before.

    Args:
        harmless: Those names; code gives its fields the same ones again and again.
    """

    def __init__(self, harmless: set[str]) -> None:
        self.texts: list[str] = []
        self._harmless = harmless
        self._names: list[str] = []

    def take(self, value: Any, depth: int) -> None:
        """Gather the texts of a value. Each loop takes texts itself: a call for each would cost more than all else."""
        kind, texts = type(value), self.texts
        if kind is dict:
            if not self._harmless.issuperset(value):
                self._name(value)
            inner: Iterable[Any] = value.values()
        elif kind is list or kind is tuple:
            inner = value
        elif kind in _GET and depth < _DEEPEST:
            inner = _GET[kind](value)
        else:
            inner = (value,) if kind is str or kind is int else ()
        for item in inner:
            if not item:  # as are most fields of most records
                continue
            kind = type(item)
            if kind is str:
                if len(item) >= _SHORTEST:
                    texts.append(item)
            elif kind is int:
                if item >= _LONG_NUMBER:
                    texts.append(str(item))
            elif kind not in _NO_TEXT:
                self.take(item, depth + 1)

    def _name(self, value: dict[str, Any]) -> None:
        self.texts += [name for name in value if len(name) >= _SHORTEST]
        self._names += value

    def remember(self) -> None:
        """Take the names for harmless: nothing was found in them."""
        remember(self._harmless, self._names)


class _Cleaner:
    """Walks through one change."""

    def __init__(self, mask: Mask, user: str | None) -> None:
        self.mask = mask
        self._user = user if mask.masks_users and user is not None and len(user) >= _SHORTEST_USER else None

    def value(self, value: Any, depth: int) -> Any:
        """Return a value without what must not be stored; what holds none stays the same object."""
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind is dict:
            return self._mapping(value, depth)
        if kind is list or kind is tuple:
            cleaned = [self.value(item, depth + 1) for item in value]
            same = all(mine is theirs for mine, theirs in zip(cleaned, value, strict=True))
            return value if same else kind(cleaned)
        if kind is int:
            return self.mask.number(value)
        return self._record(value, depth) if kind in _TEXTS else value

    def _text(self, text: str) -> str:
        cleaned = self.mask.text(text)
        return cleaned if self._user is None else self.mask.without_user(cleaned, self._user)

    def _mapping(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        changed = {}
        for name, item in value.items():
            found = self.mask.field() if item is not None and self.mask.holds(name) else self.value(item, depth + 1)
            if found is not item:
                changed[name] = found
        cleaned = {**value, **changed} if changed else value
        # Names are seldom more than names, but a mapping may lead from e-mail addresses to something.
        if any(len(name) >= _SHORTEST and self._text(name) is not name for name in cleaned):
            return {self._text(name): item for name, item in cleaned.items()}
        return cleaned

    def _record(self, record: Any, depth: int) -> Any:
        names = _TEXTS[type(record)]
        changed = {}
        for name, item in zip(names, _GET[type(record)](record), strict=True):
            if item:
                found = self.value(item, depth + 1)
                if found is not item:
                    changed[name] = found
        return replace(record, **changed) if changed else record
