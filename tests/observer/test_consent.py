"""Without consent no word of a conversation is in the file, however it came; its shape is."""

import json
import logging
import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import convotrace as ct
import convotrace_starlette

WORD = "c4n4ryword"
pytestmark = pytest.mark.sqlite


async def chat(request):
    asked = await request.json()
    logging.getLogger("app").warning(f"asked {WORD}", extra={"said": WORD})
    ct.user(asked.get("user", "ann"))
    with ct.generation("chat", model="m-1", input=[{"role": "user", "content": WORD}]) as call:
        with ct.tool("search", arguments={"q": WORD}) as tool:
            tool.set_result([WORD]).set(note=WORD, shelf=3)
            tool.event("looked", text=WORD, shelf=3)
        with ct.retrieval("kb", query=WORD) as found:
            found.set_documents([{"id": "1", "text": WORD}])
        call.set_output(WORD).set_usage(input=10, output=4)
    ct.score("helpful", True, f"it said {WORD}")
    ct.attach(WORD, name="note.txt")
    ct.tag("kept")
    if asked.get("fails"):
        raise ValueError(WORD)
    return JSONResponse({"reply": WORD})


async def slow(request):
    """Run so long that the turn is shown while it runs."""
    await request.json()

    async def told():
        yield f"data: {json.dumps({'delta': WORD})}\n\n"
        time.sleep(1.4)
        yield f"data: {json.dumps({'delta': WORD})}\n\n"

    return StreamingResponse(told(), media_type="text/event-stream")


def made(tmp_path, **options):
    routes = [Route("/medical/chat", chat, methods=["POST"]), Route("/chat", chat, methods=["POST"])]
    app = Starlette(routes=[*routes, Route("/slow", slow, methods=["POST"])])
    observer = convotrace_starlette.ConvoTrace(app, store=f"sqlite:///{tmp_path}/s/s.db", **options)
    return observer, TestClient(app, raise_server_exceptions=False)


def say(client, path="/chat", headers=None, **body):
    client.post(f"{path}?q={WORD}", json={"session_id": "s1", "message": WORD, **body}, headers=headers)


def is_kept(tmp_path):
    return any(WORD.encode() in path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file())


def raises(request):
    raise RuntimeError("the list of consents is away")


WITHOUT = [
    ("option", {"content": False}, {}),
    ("function", {"content": lambda request: request.body.get("consent") is True}, {}),
    ("truthy", {"content": lambda request: "yes"}, {}),
    ("raises", {"content": raises}, {}),
    ("route", {"content_off": ("/medical/*",)}, {"path": "/medical/chat"}),
    ("user", {"content_off": ("user:guest-*",)}, {"user": "guest-7"}),
    ("header", {"content_off": ("header:X-Convotrace-Content=off",)}, {"headers": {"x-convotrace-content": "Off"}}),
    ("any value", {"content_off": ("header:DNT",)}, {"headers": {"dnt": "1"}}),
]


@pytest.mark.parametrize(("_name", "options", "sent"), WITHOUT, ids=[name for name, _, _ in WITHOUT])
def test_without_consent_no_word_is_in_any_file_and_the_shape_is_there(tmp_path, _name, options, sent):
    observer, client = made(tmp_path, **options)
    say(client, **sent)
    say(client, fails=True, **sent)
    found = observer.store.session("s1")
    assert [trace.status for trace in found.traces] == ["ok", "error"] and found.session.input_tokens == 20
    assert found.traces[1].error.type == "ValueError" and not found.traces[1].error.message
    assert [span.kind for span in found.traces[0].spans] == ["generation", "tool", "retrieval"]
    assert found.traces[0].spans[1].attributes == {"shelf": 3} and found.session.tags == ("kept",)
    assert not any(trace.input.text or trace.output.text for trace in found.traces)
    observer.close()
    assert not is_kept(tmp_path)


WITH = [
    ({"content": lambda request: request.body.get("consent") is True}, {"consent": True}),
    ({"content_off": ("/medical/*", "user:guest-*", "header:DNT=1")}, {"headers": {"dnt": "0"}}),
]


@pytest.mark.parametrize(("options", "sent"), WITH, ids=["function", "rules"])
def test_with_consent_the_words_are_kept(tmp_path, options, sent):
    observer, client = made(tmp_path, **options)
    say(client, **sent)
    trace = observer.store.session("s1").traces[0]
    assert trace.input.text == trace.output.text == WORD and trace.spans[1].arguments == {"q": WORD}
    observer.close()


def test_a_turn_that_still_runs_keeps_no_word_before_it_is_decided(tmp_path):
    observer, client = made(tmp_path, content=lambda request: False)
    say(client, path="/slow")
    assert observer.store.session("s1").traces[0].chunks == 2
    observer.close()
    assert not is_kept(tmp_path)


def test_content_is_switched_off_and_on_at_run_time(tmp_path):
    observer, client = made(tmp_path)
    observer.keep_content(False)
    say(client)
    observer.flush()
    observer.keep_content(True)
    client.post("/chat", json={"session_id": "s2", "message": "hello"})
    assert observer.store.session("s1").traces[0].input.text is None
    assert observer.store.session("s2").traces[0].input.text == "hello"
    observer.close()


def test_a_trace_without_a_request_is_asked_about_with_none(tmp_path):
    asked = []
    observer = ct.ConvoTrace(store=f"sqlite:///{tmp_path}/s/s.db", content=lambda request: asked.append(request))
    with observer.session("s1", user_id="ann"):
        ct.set_input(WORD)
    assert observer.store.session("s1").traces[0].input.text is None and asked == [None]
    observer.close()
    assert not is_kept(tmp_path)


@pytest.mark.parametrize("rule", ["medical", "user:", "header:", "header:a b", ""])
def test_a_rule_that_says_nothing_is_refused(rule):
    with pytest.raises(ct.SettingsError, match=r"content_off has .*use a path pattern"):
        ct.ConvoTrace(content_off=[rule])
