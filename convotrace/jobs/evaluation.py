"""The job that judges what happened: each turn and span when it has ended, each session when it has fallen silent.

What was judged is known by its scores, so that another process, or this one after a restart, judges nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from convotrace.errors import SettingsError
from convotrace.export.records import iso_seconds
from convotrace.insight.checks import BUILT_IN
from convotrace.insight.evaluation import Evaluator, evaluator
from convotrace.jobs.trial import Task, judge
from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.model import Change, Conversation, Score, Session, SessionFacts, Target, Trace
from convotrace.settings import Settings
from convotrace.store import Store

INTERVAL_NS = 2 * SECOND_NS
BACK_NS = 24 * 3600 * SECOND_NS
"""What was last active longer ago is judged by `convotrace evaluate` alone."""

_SETTLED_NS = SECOND_NS
"""Spans of other services come a moment after their turn."""
_PAGE, _MOST_AT_ONCE = 100, 1000
_REMEMBERED = 20_000


def evaluators_of(given: Sequence[Any]) -> tuple[Evaluator, ...]:
    """Return evaluators of what an option or a command names: evaluators, functions, names of built-in ones.

    Raises:
        SettingsError: There is no built-in evaluator of a name.
    """
    return tuple(map(_evaluator, given))


def _evaluator(one: Any) -> Evaluator:
    if isinstance(one, Evaluator):
        return one
    if not isinstance(one, str):
        return evaluator(one)
    if one not in BUILT_IN:
        raise SettingsError(f"There is no evaluator {one!r}; use one of {', '.join(BUILT_IN)}, or a function.")
    return BUILT_IN[one]


def evaluation(settings: Settings) -> Job | None:
    """Return the job, None where nothing is to be judged."""
    if not settings.evaluators:
        return None
    round = Round(evaluators_of(settings.evaluators), int(settings.idle_timeout * SECOND_NS))
    return Job("evaluation", INTERVAL_NS, round.run)


class Round:
    """Goes through what was active lately; remembers how it stood, to read nothing again that is as it was.

    Args:
        evaluators: Who judges.
        idle_ns: After how long a silence a session is judged, where an evaluator says nothing else.
    """

    def __init__(self, evaluators: Sequence[Evaluator], idle_ns: int) -> None:
        self._evaluators, self._idle_ns = evaluators, idle_ns
        self._seen: dict[str, object] = {}

    def run(self, store: Store, now_ns: int, go_on: GoOn) -> None:
        """Judge what is to be judged by now."""
        for session in active(store, now_ns - BACK_NS):
            state = (session.last_ns, session.turns, session.spans, self._idle(session, now_ns))
            if self._seen.get(session.id) == state:
                continue
            if not go_on():
                return
            if self._judge(store, session, now_ns, go_on):
                self._seen[session.id] = state
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _idle(self, session: Session, now_ns: int) -> int:
        """Return how many evaluators of sessions find one silent for long enough."""
        silent = now_ns - session.last_ns
        return sum(one.on == "session" and silent >= self._after(one) for one in self._evaluators)

    def _after(self, one: Evaluator) -> int:
        return self._idle_ns if one.after_idle is None else int(one.after_idle * SECOND_NS)

    def _judge(self, store: Store, session: Session, now_ns: int, go_on: GoOn) -> bool:
        """Judge one session's new turns, and it itself; return whether nothing in it has to be waited for."""
        conversation = store.session(session.id)
        if conversation is None:
            return True
        silent = now_ns - conversation.session.last_ns
        due = [one for one in self._evaluators if one.on != "session" or silent >= self._after(one)]
        write(store, judge(list(tasks(conversation, due, store, now_ns - _SETTLED_NS)), go_on), session.id)
        return silent >= _SETTLED_NS and all(trace.status != "running" for trace in conversation.traces)


def tasks(
    conversation: Conversation, evaluators: Sequence[Evaluator], store: Store, ended_before_ns: int
) -> Iterator[Task]:
    """Yield the judgements that a conversation lacks.

    Args:
        conversation: What happened.
        evaluators: Who judges.
        store: Where it stands: asked whether the filter of an evaluator finds it.
        ended_before_ns: Turns that ended later have time.
    """
    session = conversation.session
    for one in evaluators:
        if one.when and not is_found(store, one.when, session):
            continue
        for task in _SUBJECTS[one.on](one, conversation, ended_before_ns):
            id = task.target.span_id or task.target.trace_id or session.id
            if one.takes(id) and not _is_judged(one, task, session.turns):
                yield task


def _of_session(one: Evaluator, conversation: Conversation, _ended_before_ns: int) -> Iterator[Task]:
    yield Task(one, conversation, conversation, Target(conversation.session.id))


def _of_turns(one: Evaluator, conversation: Conversation, ended_before_ns: int) -> Iterator[Task]:
    for turn in _ended(conversation, ended_before_ns):
        yield Task(one, turn, conversation, Target(conversation.session.id, turn.id))


def _of_spans(one: Evaluator, conversation: Conversation, ended_before_ns: int) -> Iterator[Task]:
    for turn in _ended(conversation, ended_before_ns):
        for span in turn.spans:
            yield Task(one, span, conversation, Target(conversation.session.id, turn.id, span.id))


_SUBJECTS: dict[str, Callable[[Evaluator, Conversation, int], Iterator[Task]]] = {
    "session": _of_session, "turn": _of_turns, "span": _of_spans,
}  # fmt: skip


def _ended(conversation: Conversation, before_ns: int) -> Iterator[Trace]:
    for trace in conversation.traces:
        if trace.is_turn and trace.status != "running" and trace.started_ns + (trace.duration_ns or 0) <= before_ns:
            yield trace


def _is_judged(one: Evaluator, task: Task, turns: int) -> bool:
    return any(
        score.evaluator == one.name and score.version == one.version and (one.on != "session" or score.turns == turns)
        for score in task.judged.scores
    )


def is_found(store: Store, q: str, session: Session) -> bool:
    """Tell whether a filter finds a session."""
    # A session is asked for by its own moment, so that nearly nothing has to be looked at.
    at = iso_seconds(session.last_ns)
    return any(one.id == session.id for one in store.sessions(f"({q}) since:{at}", order="last", limit=_MOST_AT_ONCE))


def active(store: Store, since_ns: int) -> Iterator[Session]:
    """Yield the sessions that were active since a moment, those that were first."""
    return walk(store, f"since:{iso_seconds(since_ns)}", "last")


def walk(store: Store, q: str | None, order: str) -> Iterator[Session]:
    """Yield every session of a filter, page by page."""
    after = None
    while True:
        page = store.sessions(q, order, _PAGE, after)
        yield from page
        if (after := page.next) is None:
            return


def write(store: Store, scores: Sequence[Score], session_id: str) -> None:
    """Store results in one transaction."""
    if scores:
        store.write([Change(SessionFacts(session_id, scores=tuple(scores)))])
