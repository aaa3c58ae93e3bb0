"""The verbs that speak about the current span, trace or session rather than opening something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from time import time_ns
from typing import TYPE_CHECKING, Any

from convotrace.capture.acting import totals_of
from convotrace.capture.current import current, here, now_of, settle_id, trace_of
from convotrace.capture.spans import LiveSpan, open_event, open_score, settle
from convotrace.capture.tickets import MINT
from convotrace.identity import as_id, bounded
from convotrace.model import OUTCOMES, Json
from convotrace.recorder import OpenSpan, OpenTrace, plain, text_of

if TYPE_CHECKING:
    from convotrace.insight.spending import Totals

_LONGEST_RELATION = 60
_TRACE_ID = re.compile("[0-9a-f]{32}")


class TraceHandle:
    """The current trace, as far as the app may see it."""

    __slots__ = ("_trace",)

    def __init__(self, trace: OpenTrace) -> None:
        self._trace = trace

    @property
    def id(self) -> str:
        """The trace id, 32 hex digits."""
        settle_id(self._trace)
        return f"{self._trace.id:032x}"

    def set_input(self, text: str | None) -> None:
        """Set what the user sent; it wins over what was recognised in the body."""
        self._trace.input_text = None if text is None else text_of(text)
        settle(self._trace)

    def set_output(self, text: str | None) -> None:
        """Set what the user saw; it wins over what was recognised in the body."""
        self._trace.output_text = None if text is None else text_of(text)
        settle(self._trace)


class SessionHandle:
    """The session of the current trace; what is said here is written with the trace."""

    __slots__ = ("_trace",)

    def __init__(self, trace: OpenTrace) -> None:
        self._trace = trace

    @property
    def id(self) -> str | None:
        """The session id as far as it is known now: a body field counts once the app has read the body."""
        return None if self._trace.identify is None else self._trace.identify(self._trace)

    @property
    def totals(self) -> Totals | None:
        """What the session has come to by now; None where the app has neither a hook nor a budget."""
        return totals_of(self._trace)

    def tag(self, *tags: str) -> None:
        """Add tags to the session."""
        self._trace.session.tags.extend(text_of(tag) for tag in tags)
        settle(self._trace)

    def metadata(self, /, **values: Any) -> None:
        """Add metadata to the session."""
        self._trace.session.metadata.update(_copied(values))
        settle(self._trace)

    def event(self, /, name: str, **attributes: Any) -> None:
        """Note a moment on the session."""
        event(name, on="session", **attributes)

    def score(self, /, name: str, value: Any, comment: str | None = None, **fields: Any) -> None:
        """Judge the session."""
        score(name, value, comment, on="session", **fields)


def current_session() -> SessionHandle | None:
    """Return the session of the current request, None outside one."""
    trace = _trace()
    return None if trace is None else SessionHandle(trace)


def current_trace() -> TraceHandle | None:
    """Return the trace of the current request, None outside one."""
    trace = _trace()
    return None if trace is None else TraceHandle(trace)


def current_span() -> LiveSpan | None:
    """Return the innermost open span, None where there is none."""
    node = current()
    return node if isinstance(node, LiveSpan) else None


def event(name: str, on: str = "span", level: str | None = None, **attributes: Any) -> None:
    """Note a moment, such as `event("handoff", on="session", team="billing")`.

    Args:
        name: What happened.
        on: `"span"` (the current one, else the trace), `"trace"` or `"session"`.
        level: Severity as of a log line, None for no severity.
        attributes: Facts about it.
    """
    node = current()
    if node is None:
        return
    trace = trace_of(node)
    made = open_event(trace, name, level, attributes)
    if _is(on, "session"):
        trace.note(made, trace.session.events)
    elif _is(on, "trace") or not isinstance(node, OpenSpan):
        trace.note(made)
    else:
        node.note(made)
    settle(trace)


def score(name: str, value: Any, comment: str | None = None, on: str = "trace", **fields: Any) -> None:
    """Judge the current trace, session or span.

    Args:
        name: What is judged, such as `"helpfulness"`.
        value: A number, a boolean or a text.
        comment: Words of the judge.
        on: `"trace"`, `"session"` or `"span"`.
        fields: `source` (end_user, annotator, evaluator, code), `author`, `evaluator`, `version`, `reason`, `passed`.
    """
    node = current()
    if node is None:
        return
    trace = trace_of(node)
    made = open_score(trace, name, value, {**fields, "comment": comment})
    if _is(on, "session"):
        trace.session.scores.append(made)
    elif _is(on, "span") and isinstance(node, OpenSpan):
        node.judge(made)
    else:
        trace.scores.append(made)
    settle(trace)


def feedback_token() -> str | None:
    """Return a ticket with which the end user may judge the current turn later, and do nothing else.

    Valid at once and for a week, in every process on the store; None outside a traced request.
    """
    if (trace := _trace()) is None:
        return None
    settle_id(trace)
    return MINT.issue(trace.id, time_ns())


def feedback(value: bool | float | str, comment: str | None = None) -> None:
    """Note what the end user thought of the current turn: True or False for a thumb, else a number or word."""
    score("feedback", value, comment, source="end_user")


def set_input(text: str | None) -> None:
    """Say what the user sent; it wins over what was recognised in the body, and makes the trace a turn."""
    if (trace := current_trace()) is not None:
        trace.set_input(text)


def set_output(text: str | None) -> None:
    """Say what the user saw; it wins over what was recognised in the body, and makes the trace a turn."""
    if (trace := current_trace()) is not None:
        trace.set_output(text)


def tag(*tags: str, on: str = "session") -> None:
    """Add tags to the session, the trace or the current span."""
    node = current()
    if node is None:
        return
    texts = [text_of(tag) for tag in tags]
    if _is(on, "session"):
        trace_of(node).session.tags.extend(texts)
    elif _is(on, "span") and isinstance(node, OpenSpan):
        node.fields.setdefault("tags", []).extend(texts)
    else:
        trace_of(node).tags.extend(texts)
    settle(trace_of(node))


def metadata(on: str = "session", **values: Any) -> None:
    """Add metadata to the session, the trace or the current span."""
    node = current()
    if node is None:
        return
    if _is(on, "session"):
        trace_of(node).session.metadata.update(_copied(values))
    elif _is(on, "span") and isinstance(node, OpenSpan):
        node.fields.setdefault("metadata", {}).update(_copied(values))
    else:
        trace_of(node).metadata.update(_copied(values))
    settle(trace_of(node))


def user(id: Any) -> None:
    """Say who the user is."""
    trace = _trace()
    found = as_id(id)
    if trace is not None and found is not None:
        trace.user_id = bounded(found)
        settle(trace)


def skip() -> None:
    """Forget this trace: nothing of it is stored."""
    if (trace := _trace()) is not None:
        trace.skipped = True


def no_content() -> None:
    """Keep this trace without its texts, bodies, arguments, results and documents."""
    if (trace := _trace()) is not None:
        trace.content = False


def end_session(outcome: str | None = None, resolved: bool | None = None) -> None:
    """End the session: how it ended, and whether the user got what they came for.

    Args:
        outcome: One of `open completed escalated abandoned failed`; another word is noted as an event and not used.
        resolved: True, False, or None for unknown.
    """
    trace = _trace()
    if trace is None:
        return
    if outcome is not None and (type(outcome) is not str or outcome not in OUTCOMES):
        event("unknown_outcome", on="session", outcome=outcome, accepted=list(OUTCOMES))
        outcome = None
    notes = trace.session
    notes.ended = now_of(trace)
    notes.outcome = outcome or notes.outcome
    notes.resolved = notes.resolved if resolved is None else bool(plain(resolved))
    event("session.end", on="session", outcome=notes.outcome, resolved=notes.resolved)


def continue_turn(id: str) -> None:
    """Say that this request brings the answer of an earlier turn: its output, spans and time go to that one.

    Args:
        id: The trace id of the turn, as `current_trace().id` gave it in the first request.
    """
    trace = _trace()
    if trace is None:
        return
    named = text_of(id).strip().lower().replace("-", "")
    if _TRACE_ID.fullmatch(named):
        trace.continues = named
        settle(trace)
    else:
        event("unknown_turn", on="trace", id=named[:_LONGEST_RELATION])


def link_session(id: Any, relation: str = "continues") -> None:
    """Link this session to an earlier one of the same user; both show it.

    Args:
        id: The id of the other session.
        relation: What this one is to it, in a word.
    """
    trace, found = _trace(), as_id(id)
    if trace is None or found is None:
        return
    trace.session.links.append((bounded(found), text_of(relation)[:_LONGEST_RELATION]))
    settle(trace)


def _trace() -> OpenTrace | None:
    node = here()
    return None if node is None else trace_of(node)


def _is(on: Any, word: str) -> bool:
    # Not by `==` alone: what is no text may answer that with an array, or raise.
    return type(on) is str and on == word


def _copied(values: Mapping[str, Any]) -> dict[str, Json]:
    return {name: plain(value) for name, value in values.items()}
