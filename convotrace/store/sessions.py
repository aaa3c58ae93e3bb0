"""A session's row as changes come in: what is said of it, and totals that stay exact when a trace is rewritten.

Pure: rows come and go as dictionaries; reading and writing them is done in `writing`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from convotrace.identity import session_key
from convotrace.insight.outcome import is_by_silence
from convotrace.insight.places import resumption
from convotrace.model import Event, Link, SessionFacts
from convotrace.store.codec import countable, decode_column, encode_column, original, storable
from convotrace.store.marks import with_turn
from convotrace.store.rows import SessionRow, TraceRow
from convotrace.store.statements import COUNTED

CUT_TEXT = 200
CLIENTS_KEPT = 3
"""As many different clients as the warning about a shared id needs to see."""

_SECOND_HAND = frozenset({"none", "baggage", "otlp"})
"""What another service passed on: the rule by which the first one found the id says more."""

Row = dict[str, Any]

_counted = itemgetter(*map(TraceRow._fields.index, COUNTED))
_SURELY = 1 << 60
_NOT_BEFORE = (None,) * len(COUNTED)


class OldState(NamedTuple):
    """What an earlier state of a trace added to its session."""

    sid: int
    tk: int
    started: int
    duration: int | None
    is_turn: int
    placed: bool
    counted: tuple[int | None, ...]
    had_input: bool
    had_output: bool


def old_state(columns: tuple[Any, ...]) -> OldState:
    """Return what the statement `trace_states` read."""
    sid, tk, started, duration, is_turn, placed, *rest = columns
    spoke = [bool(rest[-2]), bool(rest[-1])]
    return OldState(sid, tk, started, duration, is_turn, bool(placed), tuple(rest[:-2]), *spoke)


def new_session(sid: int, facts: SessionFacts, born: int, at_ns: int) -> Row:
    """Return the row of a session that nobody wrote before."""
    row: Row = dict.fromkeys(SessionRow._fields)
    row.update(sid=sid, id=storable(facts.id), key=session_key(facts.id), born=born, version=0, id_source="none")
    row.update(started=at_ns, last=at_ns, outcome="open", turns=0, traces=0, spans=0, errors=0, events=0, judged=0)
    return row


def add_facts(row: Row, facts: SessionFacts) -> None:
    """Note what a trace, or somebody outside a request, says about the session."""
    row["version"] += 1
    if row["id_source"] == "none" or (row["id_source"] in _SECOND_HAND and facts.id_source not in _SECOND_HAND):
        row["id_source"], row["id_name"] = facts.id_source, storable(facts.id_name)
    row["user_id"] = row["user_id"] or storable(facts.user_id)
    if facts.name:
        row["name"] = storable(facts.name)
    if facts.environment:
        row["environment"] = storable(facts.environment)
    if facts.release:
        row["release"] = storable(facts.release)
    if facts.service:
        _unite(row, "services", (facts.service,))
    if facts.tags:
        _unite(row, "tags", facts.tags)
    for link in facts.links:
        add_link(row, link)
    if facts.metadata:
        row["metadata"] = encode_column({**(decode_column(row["metadata"]) or {}), **facts.metadata})
    _add_outcome(row, facts)


def add_link(row: Row, link: Link) -> None:
    """Note that a session has to do with another one."""
    _unite(row, "links", [[link.session_id, link.relation]])


def resumed(row: Row, at_ns: int) -> Event | None:
    """Open a session again where a turn began after its end; return the event that tells of it."""
    if row["ended"] is None or at_ns <= row["ended"]:
        return None
    event = resumption(at_ns, row["outcome"])
    row["ended"], row["outcome"], row["outcome_reason"] = None, "open", None
    return event


def breaks_silence(row: Row, at_ns: int) -> bool:
    """Tell whether what was concluded from silence has to be concluded anew: the last turn is told of again."""
    return is_by_silence(row["outcome_reason"]) and at_ns >= (row["last_turn"] or 0)


def placed(trace: TraceRow, row: Row) -> TraceRow:
    """Return a trace with the environment and release of its session where it says none itself."""
    environment = row["environment"] if trace.environment is None else None
    release = row["release"] if trace.release is None else None
    if not environment and not release:
        return trace
    return trace._replace(environment=environment or trace.environment, release=release or trace.release)


def add_trace(row: Row, trace: TraceRow, old: OldState | None) -> bool:
    """Add what a trace is worth and take away what its earlier state in this session was.

    Returns:
        Whether the totals must be counted again, because the old state held what only a count can replace.
    """
    end = trace.started + (trace.duration or 0)
    if row["traces"] == 0:
        row["started"], row["last"] = trace.started, end
    if trace.started < row["started"]:
        row["started"] = trace.started
    if end > row["last"]:
        row["last"] = end
    row["traces"] += 0 if old else 1
    row["turns"] += trace.is_turn - (old.is_turn if old else 0)
    vague = _add_counts(row, trace, old)
    if trace.is_turn:
        row["last_turn"] = max(row["last_turn"] or 0, trace.started)
        _add_texts(row, trace)
        mark = (trace.tk, trace.started, trace.duration, trace.first_byte, trace.errors)
        row["marks"] = with_turn(row["marks"], mark)
        if trace.client:
            _unite(row, "clients", (trace.client,), most=CLIENTS_KEPT)
    return old is not None and (vague or _must_recount(trace, end, old))


def cut(text: str | None) -> str | None:
    """Return the beginning of a stored text, as a list shows it."""
    text = original(text)
    return None if text is None else storable(text[:CUT_TEXT])


def _add_outcome(row: Row, facts: SessionFacts) -> None:
    if facts.outcome is None and facts.outcome_reason is None and facts.resolved is None and facts.ended_ns is None:
        return
    if facts.ended_ns is not None and facts.ended_ns < (row["last_turn"] or 0):
        # A turn began after this end, so it was none.
        facts = replace(facts, ended_ns=None, outcome=None, outcome_reason=None)
    if _is_settled(row, facts):
        facts = replace(facts, outcome=None, outcome_reason=None)
    if facts.outcome is not None:
        # Only who says "open" opens an ended session again; another request in it does not.
        if facts.outcome == "open":
            row["ended"] = None
        row["outcome"], row["outcome_reason"] = facts.outcome, storable(facts.outcome_reason)
    elif facts.outcome_reason is not None:
        row["outcome_reason"] = storable(facts.outcome_reason)
    if facts.resolved is not None:
        row["resolved"] = int(facts.resolved)
    if facts.ended_ns is not None:
        row["ended"] = facts.ended_ns


def _is_settled(row: Row, facts: SessionFacts) -> bool:
    """Tell whether the app itself said how a session ended: what a rule makes of a trace, with its reason, yields."""
    by_rule = facts.outcome is not None and facts.outcome_reason is not None
    return by_rule and row["outcome"] != "open" and row["outcome_reason"] is None


def _add_counts(row: Row, trace: TraceRow, old: OldState | None) -> bool:
    vague = False
    counted = _counted(trace)
    for name, new, before in zip(COUNTED, counted, old.counted if old else _NOT_BEFORE, strict=True):
        if new is None:
            vague = vague or before is not None
        elif new or before or row[name] is None:
            total = (row[name] or 0) + new - (before or 0)
            row[name] = total if -_SURELY < total < _SURELY else countable(total)
    return vague


def _add_texts(row: Row, trace: TraceRow) -> None:
    if trace.input_text is not None and (row["first_tk"] is None or trace.tk <= row["first_tk"]):
        row["first_input"], row["first_tk"] = cut(trace.input_text), trace.tk
    if trace.output_text is not None and (row["last_tk"] is None or trace.tk >= row["last_tk"]):
        row["last_output"], row["last_tk"] = cut(trace.output_text), trace.tk


def _must_recount(trace: TraceRow, end: int, old: OldState) -> bool:
    lost_input = old.had_input and (trace.input_text is None or not trace.is_turn)
    lost_output = old.had_output and (trace.output_text is None or not trace.is_turn)
    moved = old.tk != trace.tk or old.started < trace.started or old.started + (old.duration or 0) > end
    no_turn = bool(old.is_turn and not trace.is_turn)
    return lost_input or lost_output or moved or no_turn


@lru_cache(maxsize=1024)
def _listed(column: str | None) -> Sequence[Any]:
    """Return what a column that is a list holds; the same ones come again with each turn."""
    return tuple(decode_column(column) or ())


def _unite(row: Row, name: str, more: Sequence[Any], most: int = sys.maxsize) -> None:
    """Add to a column that is a list what it does not hold yet, in order, unless it holds enough."""
    held = _listed(row[name])
    if len(held) >= most or (len(more) == 1 and more[0] in held):
        return
    new = [item for item in more if item not in held]
    if new:
        row[name] = encode_column([*held, *(item for i, item in enumerate(new) if item not in new[:i])])
