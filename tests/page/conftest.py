"""A house for the page: whole conversations in memory, a token, a list of what failed."""

from __future__ import annotations

import base64
import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from convotrace.errors import BadRequest, StoreError
from convotrace.export import as_json
from convotrace.identity import session_key
from convotrace.insight.arms import Arms, arms
from convotrace.insight.cohort import Cohort, Member, ScoreSum, Summary, summary, survival
from convotrace.insight.flow import Flow, LastStep, Story, funnel, steps_of
from convotrace.insight.rehearsal import Rehearsal
from convotrace.insight.rules import Notice
from convotrace.insight.tool_report import ToolFold, ToolReport
from convotrace.model import (
    Act,
    Activity,
    Attachment,
    Bar,
    Change,
    Conversation,
    Cut,
    Document,
    Event,
    Excerpt,
    Facet,
    Facets,
    Failure,
    Hit,
    HitPage,
    Incident,
    Link,
    Mention,
    MetricPoint,
    Metrics,
    MetricSeries,
    Passage,
    Payload,
    Places,
    Request,
    Score,
    Session,
    SessionPage,
    SessionTally,
    Signal,
    Span,
    Tally,
    Target,
    Times,
    ToolDefinition,
    Trace,
    TurnMark,
    Usage,
    View,
    Warning,
)
from convotrace.page import PageRequest, PageResponse, answer
from convotrace.page.watch import Watch
from convotrace.pricing import Prices
from convotrace.query import parse
from convotrace.settings import Settings
from tests.patience import PATIENCE

MOUNT = "/_sessions"
TOKEN = "open-sesame-0123456789"
START = 1_795_355_342_123_456_789
SECOND = 1_000_000_000
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TRACE_IDS = ("a" * 32, "b" * 32, "c" * 32)


class Shelf:
    """A reader over conversations in memory."""

    def __init__(self, conversations: list[Conversation]) -> None:
        self.conversations = conversations
        self.limits: list[int] = []
        self.asked = 0
        self.kept: dict[str, View] = {}
        self.waiting = 0
        self.fired: list[Incident] = []
        self.paused: dict[str, int] = {}
        self.questions: list[Any] = []

    def sessions(
        self, q: str | None = None, order: str = "-last", limit: int = 50, after: str | None = None
    ) -> SessionPage:
        self.limits.append(limit)
        parse(q or "")
        if order.lstrip("-") not in ("last", "turns", "errors", "cost"):
            raise BadRequest(f"order came as {order!r}; use last.")
        found = [c.session for c in self.conversations if not q or q in (c.session.first_input or "")]
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(found) else None
        return SessionPage(tuple(found[start : start + limit]), following)

    def sessions_document(self, *asked: Any) -> dict[str, Any]:
        return as_json(self.sessions(*asked))

    def metrics(self, since=None, until=None, **options: Any) -> Metrics:
        self.questions.append((since, until, options))
        by = options.get("by")
        if by == "colour":
            raise BadRequest("by came as 'colour'; use one of environment.")
        tally = Tally(3, 4, 1, 2, input_tokens=7, cost_nano=5 * 10**9, duration=Times(2, 3 * 10**6, 10**6, 2 * 10**6))
        ended = SessionTally(2, 3, open=1, completed=1) if options.get("sessions") else None
        point = MetricPoint(START // (60 * SECOND) * 60 * SECOND, tally, ended)
        key = self.conversations[0].session.tags[0] if self.conversations else "<b>m</b>"
        series = MetricSeries(key, tally, (point,), ended)
        return Metrics(point.at_ns, point.at_ns + 60 * SECOND, 60 * SECOND, by, (series,), tally, ended)

    def summary(
        self, since_ns: int, until_ns: int, q: str | None = None, width_ns: int | None = None, most: int = 8_000
    ) -> Summary:
        parse(q or "")
        members = [_member(conversation.session) for conversation in self.conversations]
        scores = [ScoreSum(name, 1, mean, 0.5) for one in members for name, mean in one.scores.items()]
        return summary(Cohort(since_ns, until_ns, members), width_ns or 1, scores)

    def arms(self, by: str, a: str, b: str, since=None, until=None, q: str | None = None, most: int = 8_000) -> Arms:
        parse(q or "")
        members = [_member(conversation.session) for conversation in self.conversations]
        return arms(by, a, b, Cohort(0, 1, members), Cohort(0, 1, members))

    def flow(
        self, since=None, until=None, q: str | None = None, steps: str = "", at: str = "", most: int = 8_000,
        most_read: int = 1_000,
    ) -> Flow:  # fmt: skip
        parse(q or "")
        text = self.conversations[0].session.tags[0] if self.conversations else "x"
        wanted = steps_of(steps)
        found = Cohort(0, 1, [_member(conversation.session) for conversation in self.conversations])
        return Flow(
            START, START + SECOND, survival(found), (LastStep("tool", text, 1, 2), LastStep("tag", text, 1, 1)),
            funnel([Story(text, [(1, step) for step in wanted])], wanted), 1.0, 1, 1, (text,) if at else (),
        )  # fmt: skip

    def search(self, text: str, limit: int = 50, after: str | None = None) -> HitPage:
        self.limits.append(limit)
        if not text:
            raise BadRequest("q names nothing to look for.")
        found = [_hit(c, trace, text) for c in self.conversations for trace in c.traces]
        hits = [hit for hit in found if hit.found]
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(hits) else None
        return HitPage(tuple(hits[start : start + limit]), following, self.waiting)

    def places(self, q: str | None = None, order: str = "-last", every: int = 100) -> Places:
        parse(q or "")
        total = len(self.conversations)
        return Places(every, tuple(str(n) for n in range(every, total, every)), total)

    def facets(self, q: str | None = None, most: int = 10_000) -> Facets:
        parse(q or "")
        found = [c.session for c in self.conversations][:most]
        tools = Counter(span.name for c in self.conversations for t in c.traces for span in t.spans)
        fields = {
            "outcome": tuple(Facet(value, n) for value, n in Counter(one.outcome for one in found).most_common()),
            "tool": tuple(Facet(value, n) for value, n in tools.most_common()),
            "tag": tuple(Facet(value, 1) for value in sorted({tag for one in found for tag in one.tags})),
        }
        is_capped = len(self.conversations) > most
        return Facets(len(found), is_capped, fields, is_sampled=is_capped)

    def bars(self, q: str | None, start_ns: int, width_ns: int, number: int) -> tuple[Bar, ...]:
        return tuple(Bar(start_ns + n * width_ns, n % 3, n % 2) for n in range(number))

    def changes(self, q: str | None, since_ns: int) -> tuple[Activity, ...]:
        self.asked += 1
        parse(q or "")
        return tuple(one for one in map(_activity, self.conversations) if one.last_ns >= since_ns)

    def tools(self, q: str | None = None, limit: int = 200, patience: float | None = None) -> ToolReport:
        parse(q or "")
        fold = ToolFold()
        for one in self.conversations[:limit]:
            fold.add(one)
        return fold.report()

    def paused_rules(self) -> dict[str, int]:
        return dict(self.paused)

    def pause_rule(self, rule: str) -> None:
        self.paused[rule] = 1

    def resume_rule(self, rule: str) -> None:
        self.paused.pop(rule, None)

    def incidents(self, limit: int = 50) -> tuple[Incident, ...]:
        return tuple(self.fired)

    def change(self, key: str) -> tuple[Activity, ...]:
        self.asked += 1
        return tuple(_activity(c) for c in self.conversations if c.session.key == key)

    def views(self) -> tuple[View, ...]:
        return tuple(self.kept.values())

    def put_view(self, view: View) -> None:
        self.kept[view.name] = view

    def drop_view(self, name: str) -> None:
        self.kept.pop(name, None)

    def score_definitions(self) -> dict[str, Any]:
        return {}

    def queues(self) -> tuple[Any, ...]:
        return ()

    def datasets(self) -> tuple[Any, ...]:
        return ()

    def queue(self, name: str) -> None:
        return None

    def dataset(self, name: str) -> None:
        return None

    def session_by_key(self, key: str) -> Conversation | None:
        return next((c for c in self.conversations if c.session.key == key), None)

    def document_by_key(self, key: str, most: int | None = None) -> dict[str, Any] | None:
        found = self.session_by_key(key)
        return None if found is None or (most and found.session.turns > most) else as_json(found)

    def excerpt_by_key(
        self, key: str, *, turn: int = 1, trace_id: str | None = None, began_ns: int | None = None, count: int = 50,
        is_light: bool = False,
    ) -> Excerpt | None:  # fmt: skip
        whole = self.session_by_key(key)
        twins = [trace for trace in whole.traces if trace.id == trace_id] if whole else []
        if whole is None or (trace_id and not twins):
            return None
        if twins:
            own = next((trace for trace in twins if trace.started_ns == began_ns), twins[0])
            turn = own.turn or 1 + sum(t.started_ns < own.started_ns and t.turn is not None for t in whole.traces)
        total = sum(trace.turn is not None for trace in whole.traces)
        first = min(max(1, turn), max(1, total))
        last, failing = min(total, first + count - 1), [t for t in whole.traces if t.turn and t.errors]
        after = [trace.id for trace in failing if (trace.turn or 0) > last] + [trace.id for trace in failing]
        return Excerpt(whole, first, last, total, next(iter(after), None), 0, tuple(t.started_ns for t in twins))

    def turns_saying(self, key: str, text: str) -> tuple[Mention, ...]:
        whole = self.session_by_key(key)
        said = [(t, f"{t.input.text}\n{t.output.text}".lower()) for t in whole.traces if t.turn] if whole else []
        return tuple(Mention(t.turn, t.id, t.started_ns) for t, words in said if text.lower() in words)

    def attachment_by_key(self, key: str, attachment_id: str) -> Attachment | None:
        found = self.session_by_key(key)
        files = [file for trace in found.traces for file in trace.attachments] if found else []
        return next((file for file in files if file.id == attachment_id), None)


def _activity(conversation: Conversation) -> Activity:
    one = conversation.session
    return Activity(one.key, one.turns + len(conversation.scores), one.last_ns, one.turns, one.errors, one.outcome)


def _hit(conversation: Conversation, trace: Trace, text: str) -> Hit:
    said = (("input", trace.input.text or ""), ("output", trace.output.text or ""))
    found = tuple(Passage(where, t, ((t.index(text), t.index(text) + len(text)),)) for where, t in said if text in t)
    return Hit(conversation.session, trace.id, trace.turn, trace.started_ns, found)


def _member(one: Session) -> Member:
    return Member(
        one.id, one.started_ns, one.last_ns, one.turns, one.errors, "open", None, one.user_id, one.input_tokens,
        one.cost_nano, one.feedback.get("up", 0), one.feedback.get("down", 0), one.scores, one.p50_ns,
        frozenset(("tag", tag) for tag in one.tags),
    )  # fmt: skip


class House:
    """A backend that remembers what was asked of it."""

    def __init__(self, conversations: list[Conversation], **options: Any) -> None:
        self.settings = Settings.of({"store": "memory:", **options}, {})
        self.shelf = Shelf(conversations)
        self.secret: str | None = TOKEN
        self.watching = Watch()
        self.drained = 0
        self.accepts = True
        self.taken: list[tuple[Change, int]] = []
        self.counted: Counter[str] = Counter()
        self.audit: list[Act] = []
        self.broken: Exception | None = None
        self.failures: list[tuple[str, BaseException]] = []
        self.state: dict[str, Any] = {"queued": 0, "dropped": {}, "requests": {"turns": 0}, "warnings": []}

    def drain(self) -> None:
        self.drained += 1

    def store(self) -> Shelf:
        if self.broken:
            raise self.broken
        return self.shelf

    def token(self) -> str | None:
        if isinstance(self.broken, StoreError):
            raise self.broken
        return self.secret

    def health(self) -> dict[str, Any]:
        return self.state

    def dropped(self) -> Any:
        return self.state.get("dropped")

    def put(self, change: Change) -> bool:
        if self.accepts:
            self.shelf.conversations = [_with_scores(c, change) for c in self.shelf.conversations]
        return self.accepts

    def take(self, changes: Sequence[Change], size: int) -> bool:
        if self.accepts:
            self.taken += [(change, size) for change in changes]
        return self.accepts

    def forget(self, session_id: str) -> dict[str, Any]:
        self.shelf.conversations = [c for c in self.shelf.conversations if c.session.id != session_id]
        return {"sessions": 1}

    def note(self, act: Act) -> None:
        self.audit.append(act)

    def acts(self, limit: int, before_ns: int | None) -> tuple[Act, ...]:
        found = [act for act in reversed(self.audit) if before_ns is None or act.at_ns < before_ns]
        return tuple(found[:limit])

    def rehearse(self, rule: Any, since_ns: int, until_ns: int) -> Rehearsal:
        told = Notice(rule.name, "alert", until_ns, 1.0, 0.5, "cost is 1, above 0.5", "", ("s-1",))
        return Rehearsal(rule.name, rule.words(), (told,), 24, (until_ns - since_ns) // 24)

    def quietly(self, work: Callable[[], Any]) -> Any:
        return work()

    def watch(self) -> Watch:
        return self.watching

    def prices(self) -> Prices:
        return Prices.of(self.settings.prices)

    def trace_of_ticket(self, ticket: str) -> str | None:
        return {"ticket": "a" * 32}.get(ticket)

    def count(self, what: str, number: int) -> None:
        self.counted[what] += number

    def failed(self, where: str, error: BaseException) -> None:
        self.failures.append((where, error))


def _with_scores(conversation: Conversation, change: Change) -> Conversation:
    if conversation.session.id != change.session.id:
        return conversation
    return dataclasses.replace(conversation, scores=(*conversation.scores, *change.session.scores))


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class _Silent(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve a WSGI app on a host that is not this machine's own name; give the address of the mount."""
    with ExitStack() as running:

        def start(app: Any) -> str:
            server = running.enter_context(make_server("127.0.0.1", 0, app, _Server, _Silent))
            running.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            return f"http://app.example:{server.server_port}{MOUNT}"

        yield start


@pytest.fixture
def serve_house(serve: Callable[..., str]) -> Callable[..., str]:
    """Serve a house under its mount; give the address of the mount."""
    return lambda house: serve(lambda environ, start: _app(house, environ, start))


def _app(house: House, environ: Any, start: Any) -> list[bytes]:
    path = environ["PATH_INFO"]
    if not path.startswith(MOUNT):
        start("404 Not Found", [])
        return [b""]
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    request = PageRequest(environ["REQUEST_METHOD"], path[len(MOUNT) :], environ["QUERY_STRING"], headers, body)
    response = answer(request, house)
    start(f"{response.status} -", response.headers)
    return [response.body]


@pytest.fixture
def open_page() -> Iterator[Callable[..., Any]]:
    """Open a page of a browser by the link; `page.complaints` is what was blocked, failed, or asked of elsewhere."""
    opened = []

    def _open(browser: Any, site: str, path: str = "/", token: str = TOKEN, **options: Any) -> Any:
        page = browser.new_context(**options).new_page()
        opened.append(page)
        page.set_default_timeout(1000 * PATIENCE)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if _is_complaint(message) else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(site) or page.complaints.append(request.url))
        assert page.goto(f"{site}{path}?token={token}").status == 200
        return page

    yield _open
    for page in opened:  # a page that is left open goes on asking a server that has gone
        page.context.close()


def _is_complaint(message: Any) -> bool:
    # Over plain http a browser says that it ignores the opener policy; behind TLS it does not.
    return message.type in ("error", "warning") and "Cross-Origin-Opener-Policy" not in message.text


Ask = Callable[..., PageResponse]


@pytest.fixture(scope="session")
def house_class() -> type[House]:
    """Return the class of houses, for a house that lives longer than one test."""
    return House


@pytest.fixture
def new_house() -> Callable[..., House]:
    """Return a maker of houses: `new_house(conversations, **options)`."""
    return House


@pytest.fixture
def ask() -> Ask:
    """Return a way to ask a house; `bearer=True` comes in with the token."""

    def _ask(
        house: House, path: str = "/", method: str = "GET", headers: Mapping[str, str] | None = None, *,
        query: str = "", body: bytes = b"", bearer: bool = True, peer: str | None = "203.0.113.9",
        scheme: str = "http", dev: bool = False,
    ) -> PageResponse:  # fmt: skip
        sent = {"host": "app.example", **({"authorization": f"Bearer {TOKEN}"} if bearer else {}), **(headers or {})}
        return answer(PageRequest(method, path, query, sent, body, peer, scheme, dev), house)

    return _ask


@pytest.fixture
def site(house: House, serve_house: Callable[..., str]) -> str:
    """Serve the house of a test; give the address of the mount."""
    return serve_house(house)


@pytest.fixture
def conversation() -> Conversation:
    """Return a conversation with a bit of everything, in harmless words."""
    return seeded("ok")


@pytest.fixture
def seed() -> Callable[[str], Conversation]:
    """Return a maker of conversations with one text in every place where text can stand."""
    return seeded


@pytest.fixture
def trace_ids() -> tuple[str, ...]:
    """Return the ids of the traces of a seeded conversation: two turns and another request."""
    return TRACE_IDS


def seeded(text: str) -> Conversation:
    session_id = f"s-1 {text}"
    first = _turn(session_id, text, 0, TRACE_IDS[0])
    second = dataclasses.replace(
        _turn(session_id, text, 400, TRACE_IDS[1]), turn=2, status="error", errors=1, output=Payload(), status_code=500,
        error=Failure(text, text, text), spans=(), cut=Cut(300_000, None), name=text, route=text,
    )  # fmt: skip
    other = Trace(TRACE_IDS[2], session_id, text, route=text, status_code=200, started_ns=START + 500 * SECOND)
    event = Event(f"escalation.{text}", START + 3 * SECOND, None, {text: text})
    return Conversation(
        _session(session_id, text), (first, second, other), (event, Event("handoff", START - SECOND)),
        (_score(session_id, text, None, None, "session-score"),),
    )  # fmt: skip


def _session(session_id: str, text: str) -> Session:
    marks = (TurnMark(SECOND, 1, START), TurnMark(3 * SECOND, 0, START + 400 * SECOND))
    return Session(
        session_id, session_key(session_id), text, text, text, text, text, text, (text,), (text,),
        {text: text, "n": {"deep": [text]}}, START, START + 402 * SECOND, START, text, text, True, 2, 3, 5, 2, 2,
        input_tokens=4000, output_tokens=300, cached_tokens=1000, cost_nano=90_200_000, p50_ns=SECOND,
        first_byte_ns=4 * 10**8, first_input=text, last_output=text,
        feedback={"up": 1, "down": 1}, scores={text: 0.2, "other": 4.0}, links=(Link(text, text),),
        signals=(Signal(text, text),), warnings=(Warning("one_id_many_clients", text),), strip=marks,
    )  # fmt: skip


def _turn(session_id: str, text: str, seconds: int, trace_id: str) -> Trace:
    start = START + seconds * SECOND
    return Trace(
        trace_id, session_id, f"POST {text}", True, 1, route=text, status_code=200, started_ns=start,
        duration_ns=9 * SECOND, first_byte_ns=SECOND, input=Payload(text, {text: text}),
        output=Payload(text, {text: [text]}), input_tokens=4000, output_tokens=300, cached_tokens=1000,
        cost_nano=90_200_000, errors=1,
        user_id=text, tags=(text,), metadata={text: text}, request=Request("POST", text, {text: text}, {text: text}),
        spans=tuple(_spans(session_id, text, start, trace_id)), signals=(Signal(text, text),),
        events=(Event(text, start + SECOND, "error", {text: text}), Event(f"x.error {text}", start + SECOND)),
        scores=(_score(session_id, text, trace_id, None, f"trace-score-{seconds}"),), attachments=tuple(_files(text)),
    )  # fmt: skip


def _files(text: str) -> list[Attachment]:
    return [
        Attachment("f" * 16, text, "image/png", len(PIXEL), None, PIXEL),
        Attachment("e" * 16, text, text, 6, None, b"<html>"),
        Attachment(text, text, text, None, text, left_out=text),
        Attachment("d" * 16, text, text, 9, left_out="size"),
    ]


def _spans(session_id: str, text: str, start: int, trace_id: str) -> list[Span]:
    parts = [
        {"type": "text", "content": text}, {"type": "reasoning", "content": text}, {"type": text, "x": text},
        {"type": "tool_call", "name": text, "arguments": {text: text}},
        {"type": "tool_call_response", "response": text},
    ]  # fmt: skip
    messages = [{"role": role, "parts": parts} for role in ("system", "user", text, "user")]
    failure = Failure(text, text, text)
    kept: dict[str, Any] = {"trace_id": trace_id, "started_ns": start, "duration_ns": SECOND, "tags": (text,)}
    extra: dict[str, Any] = {"metadata": {text: text}, "attributes": {text: text}}
    return [
        Span("1" * 16, name=text, kind="agent", **kept, **extra, input=text, output=text),
        Span("2" * 16, name=text, kind="generation", parent_id="1" * 16, model=text, provider=text, input=messages,
             output=messages, usage=Usage(4000, 300), tools=(ToolDefinition(text, text, {text: text}),), cost_nano=5,
             finish_reason=text, first_token_ns=10**8, parameters={text: text}, **kept),
        Span("3" * 16, name=text, kind="tool", parent_id="1" * 16, arguments={text: text}, result={text: text},
             status="error", error=failure, events=(Event(text, start, "info", {text: text}),),
             scores=(_score(session_id, text, trace_id, "3" * 16, f"span-score-{start}"),), **kept),
        Span("4" * 16, name=text, kind="retrieval", query=text,
             documents=(Document(text, text, 0.5, f"{text}!", text), Document("d", text)), **kept),
        Span("5" * 16, name=text, kind=text, status="error", error=failure, **kept),
    ]  # fmt: skip


def _score(session_id: str, text: str, trace_id: str | None, span_id: str | None, score_id: str) -> Score:
    target = Target(session_id, trace_id, span_id)
    return Score(score_id, text, "text", text, START, target, "annotator", text, text, text, text, text)
