"""H9: canaries of every kind, brought in by everything that brings words, are in nothing that convotrace writes.

Neither in files and copies, exports, pages and their JSON, nor in what our own loggers say.
"""

import io
import json
import logging
import re
from functools import reduce
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog
from click.testing import CliRunner
from opentelemetry import trace as otel
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

import convotrace as ct
import convotrace_starlette
from convotrace import Store
from convotrace.cli import main
from convotrace.export import TABLES
from convotrace.export.otlp import Sending
from convotrace.export.otlp_wire import encoded
from convotrace.page.routes import ROUTES
from convotrace.redaction.patterns import PRESETS

pytestmark = pytest.mark.sqlite
TOKEN = "open-sesame-0123456789"
USER, MAIL, TRACE = "c4n4ry-user", "ann.c4n4ry@example.com", "5b8efff798038103d269b633813fc60c"
LOOKS = {
    "secrets": [
        "sk-proj-c4n4ryc4n4ryC4N4RY0123456789", "AKIAC4N4RYEXAMPLE77Q", "ghp_c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry012345",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c4n4ryc4n4ryc4n4ry", "postgres://ann:c4n4rydsn@db/x",
        "-----BEGIN PRIVATE KEY-----\nc4n4rypem\n-----END PRIVATE KEY-----", "api_key=c4n4ryassigned",
    ],
    "authorization": ["Authorization: Bearer c4n4ry.bearer-12345"],
    "cookies": ["Cookie: sid=c4n4rycookie"],
    "email": [MAIL],
    "phone": ["+49 30 90182736"],
    "card": ["4111 1111 1111 1111", "5555555555554444"],
    "iban": ["DE89 3704 0044 0532 0130 00"],
    "ip": ["203.0.113.77", "2001:db8:77::99"],
    "user": [USER],
}  # fmt: skip
NEEDLES = [b"c4n4ry", b"90182736", b"4111 1111", b"41111111", b"55555555", b"0532 0130", b"05320130", b"203.0.113.77",
           b"2001:db8:77"]  # fmt: skip
NEVER = [b"c4n4ryfield", b"c4n4ryjar", b"c4n4ryheader", b"c4n4rytoken"]
TEXT = "\n".join(value for values in LOOKS.values() for value in values if value != USER)
SAID = f"{TEXT}\n{USER}, who asks"  # in texts of a turn whose user is known
FIELDS = ["api_key", "accessToken", "refresh-token", "id_token", "client_secret", "Password", "db_passwd",
          "private_key", "authorization"]  # fmt: skip
NAMED = {name: f"c4n4ryfield{number}" for number, name in enumerate(FIELDS)}
HEADERS = {f"x-{name.replace('_', '-')}": value for name, value in NAMED.items()} | {
    "cookie": "theme=c4n4ryjar", "authorization": "Bearer c4n4ryheader", "x-auth-token": "c4n4rytoken",
    "referer": f"https://shop.example/?t={quote(TEXT)}",
}  # fmt: skip


def test_there_is_a_canary_of_each_preset():
    assert set(LOOKS) == set(PRESETS)


async def chat(request):
    asked = await request.json()
    ct.user(USER)
    structlog.get_logger("app").warning(f"line {SAID}", **NAMED, note=SAID)
    logging.getLogger("app").warning("plain %s", SAID)
    with ct.generation("answer", model="m", input=[{"role": "user", "content": SAID}]) as call:
        call.set_output(SAID)
    with ct.tool("pay", arguments={"note": SAID, **NAMED}) as tool:
        tool.set_result(json.dumps({"text": SAID, **NAMED}))
        tool.error(ValueError(SAID))
    with ct.retrieval("look", query=SAID) as found:
        found.set_documents([{"id": "1", "text": SAID, "title": SAID, "metadata": NAMED}])
    ct.metadata(note=SAID, **NAMED), ct.tag(MAIL), ct.event("noted", text=SAID, **NAMED)
    ct.score("ok", True, SAID), ct.feedback(True, SAID), ct.end_session(outcome="completed")
    with otel.get_tracer("app").start_as_current_span("step", attributes={"note": SAID, **NAMED}) as span:
        span.add_event("seen", {"text": SAID, **NAMED})
        span.record_exception(ValueError(SAID))
    if asked.get("fails"):
        raise ValueError(f"no luck: {SAID}")
    return JSONResponse({"reply": SAID, "ticket": ct.feedback_token(), **NAMED}, headers=HEADERS)


async def form(request):
    async with request.form() as given:
        return JSONResponse({"reply": given["message"]})


async def stream(request):
    await request.json()

    async def told():
        for at in range(0, len(TEXT), 7):
            yield f"data: {json.dumps({'delta': TEXT[at : at + 7]})}\n\n"
        yield f"data: {json.dumps(NAMED)}\n\n"

    return StreamingResponse(told(), media_type="text/event-stream")


async def socket(websocket):
    await websocket.accept()
    asked = await websocket.receive_json()
    for at in range(0, len(TEXT), 9):
        await websocket.send_json({"type": "delta", "delta": TEXT[at : at + 9]})
    await websocket.send_json({"type": "done", "text": asked["message"], **NAMED})
    await websocket.close()


def fails(request):
    raise ValueError(TEXT)


@pytest.fixture
def lines():
    """What the app's loggers and ours say, the first in a list of its own."""
    said, handler = io.StringIO(), logging.StreamHandler(io.StringIO())
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(said)
    )
    app, nowhere, ours = logging.getLogger("app"), logging.NullHandler(), logging.getLogger("convotrace")
    app.addHandler(nowhere)  # else its lines come to stderr
    ours.addHandler(handler), ours.setLevel(logging.DEBUG)
    yield lambda: handler.stream.getvalue() + "".join(one for one in said.getvalue().splitlines() if '"turn"' in one)
    app.removeHandler(nowhere), ours.removeHandler(handler), ours.setLevel(logging.NOTSET)
    structlog.configure(**before) if before else structlog.reset_defaults()


def made(folder, **options):
    routes = [Route(f"/{one.__name__}", one, methods=["POST"]) for one in (chat, form, stream)]
    app = Starlette(routes=[*routes, WebSocketRoute("/socket", socket)])
    observer = convotrace_starlette.ConvoTrace(
        app, store=f"sqlite:///{folder}/s/s.db", token=TOKEN, rights=("read", "annotate", "export", "audit"),
        otlp_receiver=True, log_turns=True, page_url="https://shop.example", user_id=fails, **options,
    )  # fmt: skip
    return observer, TestClient(app, raise_server_exceptions=False)


def attributes(given):
    return [{"key": name, "value": {"stringValue": value}} for name, value in given.items()]


def spans():
    """Return what another service sends, canaries in every place."""
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": TEXT}]}])
    span = {
        "traceId": TRACE, "spanId": "1" * 16, "name": "chat", "startTimeUnixNano": "1795600000000000000",
        "endTimeUnixNano": "1795600001000000000", "status": {"code": 2, "message": TEXT},
        "events": [{"name": "exception", "timeUnixNano": "1795600000500000000",
                    "attributes": attributes({"exception.message": SAID, "exception.stacktrace": TEXT, **NAMED})}],
        "attributes": attributes({"session.id": "sent", "user.id": USER, "gen_ai.operation.name": "chat",
                                  "gen_ai.input.messages": messages, "note": TEXT,
                                  "http.request.header.cookie": "a=c4n4ryjar", **NAMED}),
    }  # fmt: skip
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def talk(client):
    """Bring the canaries in by every way; return what judges and tells about a turn."""
    body, opened = {"session_id": "s1", "message": TEXT, **NAMED}, {"authorization": f"Bearer {TOKEN}"}
    query = "&".join(f"{name}={quote(value)}" for name, value in {"text": TEXT, **NAMED}.items())
    answered = client.post(f"/chat?{query}", json=body, headers=HEADERS).json()
    client.post("/chat", json={**body, "fails": True})
    client.post("/chat", json={**body, "session_id": MAIL})
    client.post("/stream", json=body)
    client.post("/form", data=body)
    client.post("/form", data=body, files={"file": ("note.txt", b"nothing", "text/plain")})
    with client.websocket_connect("/socket") as opened_socket:
        opened_socket.send_json(body)
        while opened_socket.receive()["type"] == "websocket.send":
            pass
    told = {"token": answered["ticket"], "value": True, "comment": TEXT}
    assert client.post("/_sessions/feedback", json=told).status_code == 204
    assert (
        client.post(
            "/_sessions/s/s1/scores", json={"name": "fair", "value": 1, "comment": TEXT}, headers=opened
        ).status_code
        == 201
    )
    assert client.post("/_sessions/v1/traces", json=spans(), headers=opened).status_code == 200


def shape_of(route):
    return route.shape or re.sub(r"\(\?P<(\w+)>\(?[^()]*\)?\)", r"{\1}", route.pattern.pattern).replace("\\", "")


def shown(client, store):
    """Yield every answer of the page and of its API, with its address."""
    talks = [store.session(one.id) for one in store.sessions()]
    named = {"{form}": "json", "{dataset}": "kept", "{queue}": "all", "{id}": "x"}
    shapes = [shape_of(one) for one in ROUTES if "GET" in one.handlers]
    paths = {"/search?q=asks", "/search.json?q=asks", "/sessions.json?q=asks"}
    for shape in shapes:
        for talk in talks:
            for trace in talk.traces:
                path = shape.replace("{key}", talk.session.key).replace("{trace}", trace.id)
                paths.add(reduce(lambda made, part: made.replace(*part), named.items(), path))
    for path in sorted(paths - {"/live"}):
        yield path, client.get(f"/_sessions{path}", headers={"authorization": f"Bearer {TOKEN}"}).content


def exported(store):
    store.put_dataset("kept")
    assert store.fill_dataset("kept") > 5
    yield from (("jsonl", part) for part in store.export(format="jsonl"))
    yield from ((form, b"".join(store.export(format=form))) for form in ("markdown", "html"))
    yield from ((table, b"".join(store.export(format="csv", what=table))) for table in TABLES)
    yield from (
        (f"dataset {form}", b"".join(store.export_dataset("kept", form))) for form in ("jsonl", "openai", "csv")
    )
    talks = [store.session(one.id) for one in store.sessions()]
    told = [Sending().spans_of(talk, trace, takes_session=True) for talk in talks for trace in talk.traces]
    yield "otlp", b"".join(encoded(spans) for spans in told if spans)


def holding(written, needles):
    """Return the names of what holds a canary."""
    return {name for name, data in written if any(needle in data.lower() for needle in needles)}


@pytest.fixture
def written(tmp_path, lines, capfd):
    """Bring the canaries in; return everything convotrace wrote of them, named."""

    def write(**options):
        observer, client = made(tmp_path, **options)
        talk(client)
        assert observer.flush(20)
        store = observer.store
        every = [*exported(store), *shown(client, store)]
        store.backup(f"{tmp_path}/s/copy.db")
        files = [(path.name, path.read_bytes()) for path in Path(tmp_path / "s").rglob("*") if path.is_file()]
        observer.close()
        files += [("closed", (tmp_path / "s" / "s.db").read_bytes())]
        return [*every, *files, ("loggers", lines().encode()), ("stderr", capfd.readouterr().err.encode())]

    return write


def test_nothing_that_is_written_holds_a_canary(written):
    every = written(redact="all")
    assert {"s.db", "s.db-wal", "copy.db", "/search.json?q=asks", "otlp"} <= {name for name, _ in every}
    assert holding(every, NEEDLES) == set()
    assert "user_id failed with ValueError" in dict(every)["loggers"].decode()


def test_without_redaction_they_are_found_but_for_what_is_never_stored(written):
    every = written(redact=None)
    found = holding(every, NEEDLES)
    assert {"jsonl", "markdown", "html", "traces", "spans", "scores", "events", "dataset jsonl", "otlp"} <= found
    assert {"s.db-wal", "copy.db", "closed", "/s/s1.json", "/s/s1", "/sessions.json", "/search.json?q=asks"} <= found
    assert "stderr" not in found and holding(every, NEVER) == set()


ARGUMENTS = json.dumps({"a": SAID, **NAMED})
MESSAGES = [
    {"role": "user", "content": SAID},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": ARGUMENTS}}]},
    {"role": "tool", "tool_call_id": "c1", "content": ARGUMENTS},
    {"role": "assistant", "content": SAID},
]  # fmt: skip
STEPS = [{"name": "pay", "arguments": {"a": SAID, **NAMED}, "result": SAID}]
FILES = {
    "export": None,  # of a store in which nothing was redacted
    "otlp": spans(),
    "messages": {"id": "m", "user": USER, "metadata": NAMED, "messages": MESSAGES},
    "turns": {"id": "t", "user": USER, "turns": [{"user": SAID, "assistant": SAID, "steps": STEPS}]},
}


@pytest.mark.parametrize("form", FILES)
def test_no_file_that_is_imported_brings_one_in(tmp_path, form):
    lines = [FILES[form]] if FILES[form] else whole(tmp_path)
    file, counts = tmp_path / "chats.jsonl", {}
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for redact in ("all", "none"):
        folder = tmp_path / redact
        folder.mkdir()
        url = f"sqlite:///{folder}/s.db"
        done = CliRunner().invoke(main, ["import", str(file), "--store", url, "--redact", redact, "--json"])
        assert done.exit_code == 0, done.output
        store = Store.open(url)
        counts[redact] = json.loads(done.stdout)["redacted"]
        every = [("files", path.read_bytes()) for path in folder.iterdir()] + [
            ("jsonl", part) for part in store.export()
        ]
        store.close()
        assert holding(every, NEVER) == set()
        assert bool(holding(every, NEEDLES)) is (redact == "none")
    assert counts["all"] > 10 and counts["none"] == 0


def whole(tmp_path):
    """Return the sessions of a store with every canary, as exported; a stranger's file may name secrets, too."""
    observer, client = made(tmp_path, redact=None)
    talk(client)
    assert observer.flush(20)
    found = [json.loads(part) for part in observer.store.export()]
    observer.close()
    for trace in (trace for one in found for trace in one["traces"] if trace["request"]):
        trace["request"]["headers"] |= HEADERS
        trace["metadata"] |= NAMED
    return found
