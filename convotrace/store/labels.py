"""What filters find a session by, told from its row, its traces and its scores: one label each, by kind and key.

A session's row is the truth of what its traces say (`facets`), so labels are written only where the row changes.
Pure; what becomes of the rows is decided in `writing` and `filtering`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import orjson

from convotrace.model import Event, Trace
from convotrace.store.codec import decode_column, encode, original, storable
from convotrace.store.judgements import feedback_and_means
from convotrace.store.rows import EventRow, ScoreRow, SessionRow
from convotrace.store.work import Work, calls_in, events_in

ENVIRONMENT, RELEASE, SERVICE, TAG, META, OUTCOME, RESOLVED, HAS, MODEL, TOOL, KIND, STATUS, SCORE, FEEDBACK = range(14)
"""Kinds of labels, as they are stored; SCORE and later come from scores, MODEL to STATUS and HAS from traces too."""

MORE = ""
"""The key that says that a session has more keys of a kind than are labelled: its rows must be asked."""

STATUSES = ("error", "cancelled", "disconnected")
"""Ends of a trace that are labelled: `ok` is in nearly every session, and `running` passes."""

ESCALATIONS = ("escalation", "escalated")
"""Names of events that say that a session was escalated."""

LONGEST = 200
MOST = 100
"""As many keys of one kind as a session's traces may bring."""

Label = tuple[int, str]
Facets = frozenset[Label]
_ESCALATED: Facets = frozenset({(HAS, "escalation")})
_COLUMNS = ("environment", "release", "services", "tags", "metadata", "outcome", "resolved", "facets")
_of_labels = itemgetter(*map(SessionRow._fields.index, _COLUMNS))
_ERRORS = SessionRow._fields.index("errors")
_FEW = 90
"""What the facets of a trace's calls are remembered by, at most: that of thirty calls."""


def label_key(text: str | None) -> str:
    """Return a text as a key: in the stored form, a long one cut and told apart by a hash."""
    stored = storable(text) or ""
    if len(stored) <= LONGEST:
        return stored
    return f"{stored[:LONGEST]}…{blake2b(stored.encode(), digest_size=8).hexdigest()}"


def meta_key(name: str, value: Any) -> str:
    """Return the key of a value of the metadata: a text as it is, anything else as JSON."""
    shown = value if isinstance(value, str) else encode(value).decode().strip()
    return label_key(meta_name(name) + shown)


def meta_name(name: str) -> str:
    """Return what the keys of all values under one name begin with; no other name has the same beginning."""
    whole = encode(name).decode().strip()
    if len(whole) <= LONGEST // 2:
        return whole
    return f"{whole[: LONGEST // 2]}…{blake2b(whole.encode(), digest_size=8).hexdigest()}"


def facets_of(trace: Trace, on_session: Sequence[Event]) -> Facets:
    """Return what one trace, and the events of its session that it brought, say of the session."""
    calls: list[str | None] = []
    events = [*trace.events, *on_session] if trace.events or on_session else []
    for span in trace.spans:
        # Only a tool is found by its name: that of any other kind may be another one each time.
        kind = span.kind
        calls += (kind, span.name if kind == "tool" else None, span.model)
        if span.events:
            events += span.events
    try:
        found = (_facets_of_calls if len(calls) <= _FEW else _facets_of_calls.__wrapped__)(*calls)
    except TypeError:  # a name that is no text, nor anything a cache could hold
        found = _facets_of_calls.__wrapped__(*calls)
    if trace.status in STATUSES:
        found |= {(STATUS, trace.status)}
    return found | _ESCALATED if events and _tell_escalation(event.name for event in events) else found


@lru_cache(maxsize=1024, typed=True)
def _facets_of_calls(*calls: str | None) -> Facets:
    """Return what kinds, names and models of calls, one behind the other, say: many traces make the same ones."""
    found: set[Label] = set()
    for kind, name, model in zip(calls[::3], calls[1::3], calls[2::3], strict=True):
        _add_call(found, kind or "", name or "", model)
    return frozenset(found)


def facets_of_work(status: str, work: Work) -> Facets:
    """Return what a stored trace says of its session: its status, and the document of what happened in it."""
    found: set[Label] = {(STATUS, status)} if status in STATUSES else set()
    for call in calls_in(work):
        _add_call(found, *call)
    return frozenset(found | _ESCALATED) if _tell_escalation(events_in(work)) else frozenset(found)


def facets_of_events(rows: Iterable[EventRow]) -> Facets:
    """Return what events say of their session."""
    return _ESCALATED if _tell_escalation(row.name for row in rows) else frozenset()


def _add_call(found: set[Label], kind: str, name: str, model: str | None) -> None:
    found.add((KIND, kind))
    if model is not None:
        found.add((MODEL, storable(model) or ""))
    if kind == "tool":
        found.add((TOOL, storable(name) or ""))


def _tell_escalation(names: Iterable[str]) -> bool:
    return any(name in ESCALATIONS for name in names)


@lru_cache(maxsize=1024)
def with_facets(column: str | None, new: Facets) -> str | None:
    """Return the column of a session's facets with those of one more trace."""
    held = facets_in(column)
    if new <= held:
        return column
    more = {_cut(label) for label in new if (label[0], MORE) not in held}
    return column if more <= held else _written(held | more)


def facets_column(labels: Iterable[Label]) -> str | None:
    """Return the column for all that the traces of a session say."""
    cut = {_cut(label) for label in labels}
    return _written(cut) if cut else None


@lru_cache(maxsize=4096)
def facets_in(column: str | None) -> Facets:
    """Return the facets that stand in a session's column."""
    return frozenset() if column is None else frozenset((kind, key) for kind, key in orjson.loads(column))


def labels_of_columns(columns: Sequence[Any] | None) -> Facets:
    """Return the labels that a session's row, given as its columns, stands for; of no row none."""
    return frozenset() if columns is None else _labels(bool(columns[_ERRORS]), *_of_labels(columns))


def labels_of_scores(rows: Sequence[ScoreRow]) -> dict[Label, float]:
    """Return the labels that a session's scores stand for, with the mean or the count of each.

    Args:
        rows: All its scores, in the order of their time.
    """
    feedback, means = feedback_and_means(rows)
    found: dict[Label, float] = {(SCORE, label_key(original(name))): mean for name, mean in means.items()}
    found |= {(FEEDBACK, thumb): float(number) for thumb, number in feedback.items() if number}
    given = sum(row.source == "end_user" for row in rows)
    return found | ({(FEEDBACK, "any"): float(given)} if given else {})


@lru_cache(maxsize=1024)
def _labels(
    has_errors: bool, environment: str | None, release: str | None, services: str | None, tags: str | None,
    metadata: str | None, outcome: str, resolved: int | None, facets: str | None,
) -> Facets:  # fmt: skip
    found = set(facets_in(facets))
    found |= {(SERVICE, label_key(service)) for service in decode_column(services) or ()}
    found |= {(TAG, label_key(tag)) for tag in decode_column(tags) or ()}
    found |= {(META, meta_key(name, value)) for name, value in (decode_column(metadata) or {}).items()}
    single = ((ENVIRONMENT, environment), (RELEASE, release))
    found |= {(kind, label_key(original(text))) for kind, text in single if text is not None}
    if outcome != "open":
        found.add((OUTCOME, outcome))
    if resolved is not None:
        found.add((RESOLVED, "true" if resolved else "false"))
    found |= {(HAS, what) for what, is_so in (("error", has_errors), ("escalation", outcome == "escalated")) if is_so}
    return frozenset(found)


def _cut(label: Label) -> Label:
    return label if len(label[1]) <= LONGEST else (label[0], label_key(original(label[1])))


def _written(facets: Iterable[Label]) -> str:
    """Return facets as a column: the first of each kind in order, and a sign where there are more."""
    kept: dict[int, list[str]] = {}
    for kind, key in sorted(facets, key=lambda label: (label[0], label[1] != MORE, label[1])):
        held = kept.setdefault(kind, [])
        if len(held) < MOST:
            held.append(key)
        elif held[0] != MORE:
            held.insert(0, MORE)
    return orjson.dumps([(kind, key) for kind, keys in kept.items() for key in keys]).decode()
