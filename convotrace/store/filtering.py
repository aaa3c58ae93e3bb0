"""A filter's tree as SQL over rows of sessions, every value a bound parameter.

What a session's row knows is asked of the row, the rest of its labels; traces and spans only where neither can tell.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

from peewee import SQL, fn

from convotrace import query as q
from convotrace.identity import session_key
from convotrace.store import labels
from convotrace.store.codec import searchable, storable
from convotrace.store.database import Speech
from convotrace.store.labels import MORE, label_key, meta_key, meta_name
from convotrace.store.schema import Table, Tables, ranks

Condition = Any
"""An expression of Peewee's; the library does not type them."""

Statement = tuple[str, list[Any]]
"""SQL and its values."""

SEARCHED = ("id", "user_id", "first_input", "last_output")
"""Where any part of a word is looked for."""

LOOKED_THROUGH = 20_000
"""Sessions in which parts of words are looked for, those active last: of all others the index knows whole words."""

_LABELLED = {
    "tag": labels.TAG, "env": labels.ENVIRONMENT, "release": labels.RELEASE, "service": labels.SERVICE,
    "model": labels.MODEL, "tool": labels.TOOL, "kind": labels.KIND, "status": labels.STATUS,
    "outcome": labels.OUTCOME, "resolved": labels.RESOLVED, "fb": labels.FEEDBACK, "meta.": labels.META,
}  # fmt: skip
_OPERATORS: dict[str, Callable[[Any, Any], Condition]] = {
    "=": operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_TURNED = {"=": "=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
# Behind every text that begins with what stands before it.
_LAST = "\U0010ffff" * 2
_NEVER, _ALWAYS, _FALSE = SQL("1 = 0"), SQL("1 = 1"), SQL("FALSE")
_NEWEST = "(SELECT coalesce((SELECT last FROM session ORDER BY last DESC LIMIT 1 OFFSET {}), -1))"


@dataclass(frozen=True)
class Filter:
    """What a tree means at one moment, for one database."""

    tables: Tables
    speech: Speech
    now_ns: int
    living: Callable[[], Collection[int]]
    """Returns the ids of the processes that live: what runs in another one was interrupted."""
    is_common: Callable[[str], bool]
    """Tells whether very many turns hold a phrase of the index."""

    def condition(self, node: q.Node) -> Condition:
        """Return the condition on the rows of `session`; for a row it is true, or it is false or null."""
        match node:
            case q.And(parts):
                return reduce(operator.and_, map(self.condition, parts)) if parts else _ALWAYS
            case q.Or(parts):
                return reduce(operator.or_, map(self.condition, parts))
            case q.Not(part):
                # Null, which is as good as false until here, would stay null.
                return ~fn.coalesce(self.condition(part), _FALSE)
            case q.Text():
                return self._said(node)
            case q.Match():
                return self._match(node)
            case q.Compare():
                return self._compare(node)
            case q.Has(what):
                return self._labelled(self._keys(*_label_of(what)))
            case q.When(field, moment):
                compare = operator.ge if field == "since" else operator.le
                return compare(self.tables.session.last, _bounded(moment.at(self.now_ns)))
            case q.Within(field, since, until):
                first = -(1 << 63) if since is None else _bounded(since.at(self.now_ns))
                last = (1 << 63) - 1 if until is None else _bounded(until.at(self.now_ns))
                return self._within(field, first, last)

    def candidates(self, node: q.Node) -> Iterator[Statement] | None:
        """Return what finds the keys of all sessions that a term can be true of; None where that is not known."""
        session, label = self.tables.session, self.tables.label
        match node:
            case q.Match(field="user", prefix=False):
                return iter([session.select(session.sid).where(self._user_is(node.value)).sql()])
            case q.Match() if node.field in _LABELLED and not _is_of_rows(node):
                return iter([label.select(label.sid).where(self._possible(node)).sql()])
            case q.Has(what):
                return iter([label.select(label.sid).where(self._keys(*_label_of(what))).sql()])
            case q.Compare(field="score."):
                return iter([label.select(label.sid).where(self._scored(node)).sql()])
            case q.Compare() if node.field in (values := ranks(session)) and node.operator in (">", ">=", "="):
                compare = _OPERATORS[node.operator](values[node.field], node.value)
                parts = (session.ranked == SQL("1"), session.ranked.is_null())
                return iter([session.select(session.sid).where(part, compare).sql() for part in parts])
            case q.Text():
                return self._saying(node)
        return None

    def _said(self, text: q.Text) -> Condition:
        """Return whether a text was said in a session: the one place that knows how texts are looked for.

        In what its row shows any part of a word counts, in the newest sessions; in all turns the words of the index,
        as one phrase; and whoever has an id or a user at hand finds these.
        """
        session, trace = self.tables.session, self.tables.trace
        found = self._shown(text) | (session.user_id == storable(text.text)) | (session.id == storable(text.text))
        phrase = self.speech.phrase(text.text, text.prefix)
        if phrase is None:
            return found
        if self.is_common(phrase):
            # It is met soon enough on the way down the list; of a rare one the sessions are looked up.
            return found | self._any(trace, trace.n.in_(SQL(f"({self.speech.found})", (phrase,))))
        return found | session.sid.in_(SQL(f"({self.speech.said})", (phrase,)))

    def _shown(self, text: q.Text) -> Condition:
        session = self.tables.session
        parts = [getattr(session, name).contains(searchable(text.text)) for name in SEARCHED]
        return (session.last >= SQL(_NEWEST.format(LOOKED_THROUGH - 1))) & reduce(operator.or_, parts)

    def _saying(self, text: q.Text) -> Iterator[Statement] | None:
        phrase, session = self.speech.phrase(text.text, text.prefix), self.tables.session
        if phrase is not None and self.is_common(phrase):
            return None
        named = (session.key == session_key(text.text)) & (session.id == storable(text.text))
        conditions = [named, self._user_is(text.text), self._shown(text)]
        found = [session.select(session.sid).where(condition).sql() for condition in conditions]
        return iter([*([] if phrase is None else [(self.speech.said, [phrase])]), *found])

    def _match(self, node: q.Match) -> Condition:
        if node.field == "user":
            return _beginning(self.tables.session.user_id, node) if node.prefix else self._user_is(node.value)
        if _is_of_rows(node):
            return self._unlabelled(node)
        found = self._labelled(self._key_of(node))
        if node.field not in ("model", "tool"):
            return found
        return found | (self._labelled(self._keys(_LABELLED[node.field], MORE)) & self._called(node))

    def _user_is(self, user: str) -> Condition:
        return self.tables.session.user_id == storable(user)

    def _unlabelled(self, node: q.Match) -> Condition:
        session, trace = self.tables.session, self.tables.trace
        if node.field == "outcome":
            return session.outcome == node.value
        if node.field == "resolved":
            return session.resolved.is_null()
        if node.value == "ok":
            return self._any(trace, trace.status == "ok")
        lives = trace.worker.is_null(False) & trace.worker.in_(list(self.living()) or [0])
        running = trace.status == SQL("'running'")
        if node.value == "running":
            return self._any(trace, running & lives)
        return self._any(trace, running & ~lives) | self._any(trace, trace.status == "interrupted")

    def _called(self, node: q.Match) -> Condition:
        """Return whether a session with more names than are labelled has this one in its spans."""
        span = self.tables.span
        if node.field == "model":
            return self._any(span, _is(span.model, node))
        # Not by the index on names, which holds those of all sessions.
        return self._any(span, (span.kind == "tool") & _is(fn.coalesce(span.name, SQL("''")), node))

    def _compare(self, node: q.Compare) -> Condition:
        if node.field == "score.":
            return self._labelled(self._scored(node))
        session, compare = self.tables.session, _OPERATORS[node.operator]
        if node.field == "idle":
            return _OPERATORS[_TURNED[node.operator]](session.last, _bounded(self.now_ns - int(node.value)))
        return compare(number(session, node.field), node.value)

    def _within(self, field: str, since: int, until: int) -> Condition:
        session, trace = self.tables.session, self.tables.trace
        if field == "began":
            return (session.started >= since) & (session.started < until)
        # By the row first: of most sessions no turn has to be looked at.
        turn = (trace.is_turn == SQL("1")) & (trace.started >= since) & (trace.started < until)
        if field == "failing":
            turn &= (trace.errors > SQL("0")) | (trace.status == SQL("'error'"))
        return (session.last >= since) & (session.started < until) & self._any(trace, turn)

    def _scored(self, node: q.Compare) -> Condition:
        label = self.tables.label
        score = self._keys(labels.SCORE, label_key(node.name)) & label.num.is_null(False)
        return score & _OPERATORS[node.operator](label.num, node.value)

    def _possible(self, node: q.Match) -> Condition:
        if node.field not in ("model", "tool"):
            return self._key_of(node)
        kind, label = _LABELLED[node.field], self.tables.label
        if node.prefix:
            return self._key_of(node) | self._keys(kind, MORE)
        # An OR of the two would read every label of the kind.
        return (label.kind == SQL(str(kind))) & label.key.in_([label_key(node.value), MORE])

    def _key_of(self, node: q.Match) -> Condition:
        kind = _LABELLED[node.field]
        if node.field == "meta." and node.prefix:
            return self._keys(kind, meta_name(node.name) + node.value, is_prefix=True)
        if node.prefix:
            return self._keys(kind, node.value, is_prefix=True)
        return self._keys(kind, meta_key(node.name, node.value) if node.field == "meta." else label_key(node.value))

    def _keys(self, kind: int, key: str, is_prefix: bool = False) -> Condition:
        """Return the condition on rows of `label` of one kind, of one key or of all that begin with it."""
        label = self.tables.label
        of_kind = label.kind == SQL(str(kind))
        if not is_prefix:
            return of_kind & (label.key == key)
        first = (storable(key) or "")[: labels.LONGEST]
        return of_kind & (label.key >= first) & (label.key <= first + _LAST) & (label.key != MORE)

    def _labelled(self, condition: Condition) -> Condition:
        return self._any(self.tables.label, condition)

    def _any(self, table: Table, condition: Condition) -> Condition:
        """Return whether a session has a row of a kind in another table."""
        return fn.EXISTS(table.select(SQL("1")).where(table.sid == self.tables.session.sid, condition))


def holds_text(node: q.Node) -> bool:
    """Tell whether a tree asks for anything that was said."""
    match node:
        case q.And(parts) | q.Or(parts):
            return any(map(holds_text, parts))
        case q.Not(part):
            return holds_text(part)
    return isinstance(node, q.Text)


def number(session: Table, name: str) -> Condition:
    """Return what a number of a session is, null where nobody knows it."""
    if name == "duration":
        return session.last - session.started
    if name == "tokens":
        both = session.input_tokens + session.output_tokens
        return fn.coalesce(both, session.input_tokens, session.output_tokens)
    return getattr(session, "cost_nano" if name == "cost" else name)


def _is_of_rows(node: q.Match) -> bool:
    """Tell what is so common, or passes so quickly, that it is not labelled."""
    wanted = (node.field, node.value)
    return wanted in (("outcome", "open"), ("resolved", "unknown")) or (
        node.field == "status" and node.value not in labels.STATUSES
    )


def _label_of(what: str) -> tuple[int, str]:
    return (labels.FEEDBACK, "any") if what == "feedback" else (labels.HAS, what)


def _is(column: Condition, node: q.Match) -> Condition:
    return _beginning(column, node) if node.prefix else column == storable(node.value)


def _beginning(column: Condition, node: q.Match) -> Condition:
    first = storable(node.value) or ""
    return (column >= first) & (column <= first + _LAST)


def _bounded(ns: int) -> int:
    return max(-(1 << 63), min(ns, (1 << 63) - 1))
