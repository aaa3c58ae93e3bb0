"""One annotation queue at work: the item, the conversation around it, what is asked for, and what is done with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from convotrace.errors import BadRequest
from convotrace.identity import session_id_of_key
from convotrace.insight.agreement import Agreement
from convotrace.insight.queues import CORRECTION, DONE, NOTE, SKIPPED, Queue, Task
from convotrace.model import Change, Conversation, Excerpt, Json, Score, SessionFacts, Target, Trace
from convotrace.page import criteria
from convotrace.page.finding import Found
from convotrace.page.http import PageResponse, as_data, redirect
from convotrace.page.render import page as render
from convotrace.page.review import fill, progress
from convotrace.page.score_words import by_name, is_written
from convotrace.page.sent import sent, text_of, whole_of
from convotrace.page.session import all_scores
from convotrace.page.signs import kinds_of
from convotrace.page.transcript import Feed, feed
from convotrace.page.visit import Unknown, Visit

_BEFORE, _OF_SESSION = 7, 30
_LISTED = 60
_LONGEST_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class _Place:
    """The item that is shown, among all of its queue."""

    queue: Queue
    tasks: Sequence[Task]
    task: Task | None
    who: str
    told: Mapping[str, Task] = field(default_factory=dict)
    """Those around it, with what their sessions tell of them."""

    @property
    def number(self) -> int:
        """Return its place in the queue, from 0."""
        return next((n for n, one in enumerate(self.tasks) if self.task and one.id == self.task.id), 0)

    @property
    def listed(self) -> Sequence[Task]:
        """Return the items around it, as far as their sessions are there."""
        return [self.told[one.id] for one in self.around if one.id in self.told]

    @property
    def around(self) -> Sequence[Task]:
        """Return the same before it is known what their sessions tell."""
        start = max(0, min(self.number - _LISTED // 3, len(self.tasks) - _LISTED))
        return self.tasks[start : start + _LISTED]

    def href(self, task: Task) -> str:
        """Return the address of an item, relative to the queue's folder."""
        return address(self.queue.name, self.who, task.id)


def page(visit: Visit) -> PageResponse:
    """Return the next item of a queue, or the one that is asked for."""
    fields = visit.request.fields()
    place = _place(visit, text_of(fields, "as"), fields.get("item"))
    excerpt = None if place.task is None else _around(visit, place.task)
    told = feed(_unjudged(excerpt)) if excerpt else None
    frame = {
        **visit.frame("review"),
        "may_annotate": False,
        "kinds": kinds_of(_shown(told)),
        "marks": True,
        "found": Found(),
    }
    view = {"place": place, "queue": place.queue, "who": place.who, "feed": told, "rights": visit.may("annotate")}
    counts = progress(place.queue, place.tasks)
    return render("annotate.html", {**frame, **view, **counts, **_asked(visit, place, excerpt)})


def data(visit: Visit) -> PageResponse:
    """Return a queue with all its items, and how far those agree who judged them, as JSON."""
    place = _place(visit, "", None)
    names = [one.name for one in criteria.asked(place.queue, visit.reader().score_definitions())]
    agreed: dict[str, Json] = {name: visit.reader().agreement(name, place.queue.name).facts() for name in names}
    tasks: list[Json] = [task.facts() for task in visit.reader().tasks(place.queue.name)]
    counts = progress(place.queue, place.tasks)
    return as_data({**place.queue.facts(), **counts, "asked": list(names), "agreement": agreed, "tasks": tasks})


def act(visit: Visit) -> PageResponse:
    """Save what was judged, skip or assign an item, or add some: what `do` says; lead to the next one."""
    fields = sent(visit)
    what, who = text_of(fields, "do") or "save", text_of(fields, "as") or text_of(fields, "author")
    if what not in _ACTS:
        raise BadRequest(f"do came as {what!r:.60}; send one of {', '.join(_ACTS)}.")
    place = _place(visit, who, text_of(fields, "item") or None)
    told = _ACTS[what](visit, place, fields)
    if visit.request.is_form:
        stays = place.task.id if what == "assign" and place.task else None
        return redirect(address(place.queue.name, who, stays), 303)
    return as_data(told, 201)


def address(queue: str, who: str, item: str | None = None) -> str:
    """Return the address of a queue's page, relative to the folder of queues."""
    given = {name: value for name, value in (("as", who), ("item", item)) if value}
    return f"{queue}?{urlencode(given, errors='replace')}#here" if given else f"{queue}#here"


def _place(visit: Visit, who: str, item: str | None) -> _Place:
    reader = visit.reader()
    queue = reader.queue(visit.parts["queue"])
    if queue is None:
        raise Unknown
    # Of thousands only those around the item are told in full.
    tasks = reader.tasks(queue.name, is_light=True)
    if item is not None:
        found = next((one for one in tasks if one.id == item), None)
    else:
        found = next((one for one in tasks if one.waits_for(who, queue.raters)), None)
    bare = _Place(queue, tasks, found, who)
    told = {one.id: one for one in reader.tasks(queue.name, [one.id for one in bare.around])}
    return replace(bare, task=told.get(found.id, found) if found else None, told=told)


def _around(visit: Visit, task: Task) -> Excerpt | None:
    """Return the turns to read for an item: a turn with those before it, or the session from its beginning."""
    reader = visit.reader()
    if task.trace_id is None:
        return reader.excerpt_by_key(task.key, count=_OF_SESSION)
    own = reader.excerpt_by_key(task.key, trace_id=task.trace_id, count=1, is_light=True)
    if own is None:
        return None
    start = max(1, own.first - _BEFORE)
    return reader.excerpt_by_key(task.key, turn=start, count=own.first - start + 1)


def _unjudged(excerpt: Excerpt) -> Excerpt:
    """Return an excerpt without scores: nobody is to see what others said before."""
    bare = tuple(_bare(trace) for trace in excerpt.conversation.traces)
    return replace(excerpt, conversation=replace(excerpt.conversation, traces=bare, scores=()))


def _bare(trace: Trace) -> Trace:
    return replace(trace, scores=(), spans=tuple(replace(span, scores=()) for span in trace.spans))


def _shown(told: Feed | None) -> list[Trace]:
    return [turn.trace for turn in told.turns] if told else []


def _asked(visit: Visit, place: _Place, excerpt: Excerpt | None) -> dict[str, object]:
    """Return the form: what is asked for, what this person gave before, and then what the others did."""
    definitions = criteria.asked(place.queue, visit.reader().score_definitions())
    on_it = _scores_of(excerpt.conversation, place.task) if excerpt and place.task else []
    own = [score for score in on_it if place.who and score.author == place.who]
    mine = criteria.newest(own)
    was_here = place.task is not None and any(one.author == place.who for one in place.task.reviews if one.author)
    told = by_name([one for one in on_it if one.name in {it.name for it in definitions}]) if was_here else []
    written = [one for one in on_it if is_written(one) and one.author != place.who] if was_here else []
    return {
        "criteria": criteria.criteria(definitions, mine), "note": mine.get(NOTE, ""),
        "correction": mine.get(CORRECTION, ""), "judged": told, "written": written, "was_here": was_here,
        "agreed": _agreed(visit, place, [one.name for one in definitions]),
        "s": {"key": f"../s/{place.task.key}"} if place.task else {}, "target": place.task and place.task.trace_id,
    }  # fmt: skip


def _agreed(visit: Visit, place: _Place, names: Sequence[str]) -> list[tuple[str, Agreement]]:
    if place.queue.raters == 1:
        return []
    found = [(name, visit.reader().agreement(name, place.queue.name)) for name in names]
    return [(name, one) for name, one in found if one.kappa is not None]


def _scores_of(conversation: Conversation, task: Task | None) -> list[Score]:
    if task is None:
        return []
    found = [one for one in all_scores(conversation) if one.target.span_id is None]
    return [one for one in found if one.target.trace_id == task.trace_id]


def _save(visit: Visit, place: _Place, fields: Mapping[str, Any]) -> dict[str, Json]:
    """Store what was given and not given before in the same way, and note that this person is through."""
    task, who = _task_of(place), _who_of(place)
    reader, target = visit.reader(), Target(task.session_id, task.trace_id)
    definitions = criteria.asked(place.queue, reader.score_definitions())
    scores = criteria.given(fields, definitions, target, who, time.time_ns())
    excerpt = _around(visit, task)
    if excerpt is None:
        raise BadRequest("What is to be judged is no more in the store; skip it.")
    before = criteria.newest(one for one in _scores_of(excerpt.conversation, task) if one.author == who)
    new = tuple(one for one in scores if before.get(one.name) != one.value)
    if new and not visit.backend.put(Change(SessionFacts(task.session_id, scores=new))):
        raise BadRequest("The queue of what is to be written is full, so nothing was stored; send it again.")
    visit.backend.drain()
    took = min(max(whole_of(fields, "took", 0), 0), _LONGEST_MS) * 1_000_000
    reader.review(place.queue.name, task.id, who, DONE, took or None)
    return {"item": task.id, "state": DONE, "scores": [one.name for one in new]}


def _skip(visit: Visit, place: _Place, _fields: Mapping[str, Any]) -> dict[str, Json]:
    task = _task_of(place)
    visit.reader().review(place.queue.name, task.id, _who_of(place), SKIPPED)
    return {"item": task.id, "state": SKIPPED}


def _assign(visit: Visit, place: _Place, fields: Mapping[str, Any]) -> dict[str, Json]:
    task, to = _task_of(place), text_of(fields, "to") or place.who
    # Assigned again to the same person, it is everybody's.
    assignee = None if task.assignee == to else to or None
    visit.reader().assign(place.queue.name, task.id, assignee)
    return {"item": task.id, "assignee": assignee}


def _add(visit: Visit, place: _Place, fields: Mapping[str, Any]) -> dict[str, Json]:
    """Add a session or turn by hand, or what a filter finds."""
    key, reader = text_of(fields, "session", 600), visit.reader()
    if not key:
        return {"added": fill(visit, place.queue, fields, text_of(fields, "q", 2000))}
    found = reader.excerpt_by_key(key, count=1, is_light=True)
    session_id = found.conversation.session.id if found else session_id_of_key(key)
    trace_id, to = text_of(fields, "trace_id") or None, text_of(fields, "to") or None
    return {"added": int(reader.add_to_queue(place.queue.name, session_id or key, trace_id, to))}


def _task_of(place: _Place) -> Task:
    if place.task is None:
        raise BadRequest("There is no such item in this queue; send the id of one as item.")
    return place.task


def _who_of(place: _Place) -> str:
    if not place.who:
        raise BadRequest("Nobody is named; send who judges as `as`.")
    return place.who


_ACTS = {"save": _save, "skip": _skip, "assign": _assign, "add": _add}
