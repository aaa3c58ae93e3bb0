"""A real store with one text in every place where text can stand, and the addresses of all pages that show it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from convotrace import alert, session_alert
from convotrace.identity import session_key
from convotrace.insight.definitions import score_definition
from convotrace.insight.queues import Queue
from convotrace.model import Act, Change, Conversation, Incident, Score, SessionFacts, Trace, View
from convotrace.page.routes import ROUTES, find
from convotrace.store import Store

ID = "s-1 <b>"
KEY = session_key(ID)
FIRST, SECOND, OTHER = "a" * 32, "b" * 32, "c" * 32
TURN = f"s/{KEY}/t/{FIRST}"
RULES = (alert("dear <b>", "cost", above=1), session_alert("loop", repeated_calls=3))

LISTS = ["", "?q=nothing", "?q=usr:x", f"?q={quote('tag:' + chr(34) + '<b>' + chr(34))}", "search", "search?q=deep"]
SESSION = [f"s/{KEY}", f"s/{KEY}?zoom=cards", f"s/{KEY}?zoom=waterfall", f"s/{KEY}?find=words"]
CLOSELY = [TURN, *(f"{TURN}?span={number * 16}" for number in "12345"), f"{TURN}?only=path", f"s/{KEY}/t/{OTHER}"]
BETWEEN = [
    f"s/{KEY}/t/{SECOND}",
    f"s/{KEY}/t/{SECOND}/diff",
    f"compare?s={KEY}&s={KEY}",
    "compare",
    "compare?s=none&s=x",
]
NUMBERS = ["dashboard", "dashboard?by=tag&since=7d", f"dashboard?q={quote('usr:<b>')}", "flow", "arms",
           "flow?steps=turn:1,event:%3Cb%3E&at=step:1", "arms?by=tag&a=%3Cb%3E&b=x", "tools",
           "tools?q=usr:x"]  # fmt: skip
JUDGED = ["review", "review/main?as=%3Cb%3E", "review/main?as=kim", "review/whole?as=kim", "scores", "datasets",
          "datasets/golden", "datasets/golden?version=1", f"collect?session={KEY}", "collect?q=%3Cb%3E"]  # fmt: skip
STATE = ["incidents", "incidents?test=loop&since=24h", "incidents?test=nobody", "audit", "health", "nowhere"]
PARTS = ["rows", "beside"]
"""Parts of other pages, without styles or an icon."""
ADDRESSES = [*LISTS, *SESSION, *CLOSELY, *BETWEEN, *NUMBERS, *JUDGED, *STATE]


def left_out() -> set[str]:
    """Return the shapes of pages that no address leads to."""
    shapes = {route.shape for route in ROUTES if route.is_html and route.shape}
    return shapes - {found[0].shape for one in [*ADDRESSES, *PARTS] if (found := find("/" + one.partition("?")[0]))}


def furnish(store: Store, conversation: Conversation, text: str) -> None:
    """Write a conversation, and a queue, a dataset, definitions, a view and incidents in the same words."""
    store.write(list(_changes(conversation)))
    store.put_view(View(text[:60], "errors>0"))
    store.put_score_definition(
        score_definition(text[:100], rubric=text[:4_000], labels=(text[:60], "b")), score_definition("n", min=1, max=5)
    )
    _judge(store, text)
    store.put_dataset("golden", text)
    store.fill_dataset("golden", None)
    (item, *_) = store.items("golden")
    store.expect("golden", item.id, text, text[:100])
    store.commit_dataset("golden", text)
    for number, closed_ns in enumerate((None, time.time_ns())):
        store.put_incident(
            Incident(f"{number:032x}", f"{text} {number}", "alert", time.time_ns(), closed_ns, 2, 1, text, (ID, text))
        )


def house(made: Any, store: Store, text: str) -> Any:
    """Let a house of these tests stand over the store, with an audit in the same words."""
    made.store = lambda: store
    made.put = lambda change: bool(store.write([change]))
    details = {"q": text, text: text}
    made.audit = [Act(time.time_ns(), text, action, KEY, "1234", details) for action in ("view", "erase")]
    made.audit.append(Act(time.time_ns(), text, "erase", None, "1234", {}))
    made.state |= {"warnings": [text], "last_error": text, text: text, "dropped": {text: {text: 2}}}
    made.state["workers"] = [{"host": text, "pid": text, "seen_at": text}]
    return made


def _judge(store: Store, text: str) -> None:
    for name, on in (("main", "turn"), ("whole", "session")):
        store.put_queue(Queue(name, (text[:100], "n"), on, 2, text))
        store.fill_queue(name, None)
        task = store.tasks(name)[0]
        store.assign(name, task.id, text[:100])
        store.review(name, task.id, text[:100], "done")


def _changes(conversation: Conversation) -> Iterator[Change]:
    told = conversation.session
    facts = SessionFacts(
        ID, told.id_source, None, told.user_id, None, told.name, told.environment, told.release, "<b>", told.tags,
        told.metadata, "failed", told.outcome_reason, False, told.ended_ns, conversation.events,
        tuple(_moved(conversation.scores)), told.links,
    )  # fmt: skip
    later = time.time_ns() - 3600 * 10**9 - told.started_ns  # recent, whenever a test runs
    for trace in conversation.traces:
        yield Change(facts, _at_home(trace, later))


def _at_home(trace: Trace, later: int) -> Trace:
    at = {"started_ns": trace.started_ns + later}
    spans = tuple(
        replace(span, scores=tuple(_moved(span.scores)), started_ns=span.started_ns + later) for span in trace.spans
    )
    return replace(trace, session_id=ID, spans=spans, scores=tuple(_moved(trace.scores)), **at)


def _moved(scores: Iterable[Score]) -> Iterator[Score]:
    for score in scores:
        yield replace(score, target=replace(score.target, session_id=ID))
