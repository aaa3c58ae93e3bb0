"""The `convotrace` fixture as an app's own tests use it."""

import asyncio
import json

import pytest

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware


async def app(scope, receive, send):
    """Echo the message of a chat request."""
    asked = json.loads((await receive())["body"])
    with ct.tool("echo"):
        reply = json.dumps({"reply": asked["message"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": reply})


def post(wrapped, **body):
    """Send one message through the middleware."""

    async def receive():
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message):
        return None

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/chat", "query_string": b"", "headers": headers}
    asyncio.run(wrapped(scope, receive, send))


# Made when the module is imported, as apps are: under pytest it records nothing by itself.
wrapped = ConvoTraceMiddleware(app)


def test_an_app_made_at_import_is_read_by_the_fixture(convotrace):
    post(wrapped, session_id="s1", message="hello")
    post(wrapped, session_id="s1", message="again")
    (session,) = convotrace.sessions()
    assert (session.id, session.turns) == ("s1", 2)
    assert [trace.output.text for trace in convotrace.session("s1").traces] == ["hello", "again"]


def test_each_test_begins_with_nothing(convotrace):
    assert convotrace.sessions() == []
    post(wrapped, session_id="s2", message="only")
    assert convotrace.session().traces[0].input.text == "only"


def test_an_app_made_during_the_test_is_read_as_well(convotrace):
    own = ConvoTraceMiddleware(app)
    post(own, session_id="s3", message="x")
    assert [session.id for session in convotrace.sessions()] == ["s3"]
    own.convotrace.close()


def test_a_session_that_is_not_there_is_named_with_those_that_are(convotrace):
    post(wrapped, session_id="s4", message="x")
    with pytest.raises(LookupError, match=r"No session 'other' was recorded; there are \['s4'\]"):
        convotrace.session("other")


def test_without_the_fixture_nothing_is_recorded():
    post(wrapped, session_id="s5", message="x")
    assert not wrapped.convotrace.enabled
    assert wrapped.convotrace._writing.made is None


def test_an_app_that_is_diverted_takes_the_keys_of_its_new_store(store_url):
    observer = ct.ConvoTrace(store=store_url)
    first = observer.open_store().secret("identity")
    observer.divert("memory:")
    second = observer.open_store().secret("identity")
    assert observer._writing.secret() == second != first
    observer.close()


def test_evaluators_judge_what_the_test_recorded(convotrace):
    post(wrapped, session_id="s6", message="hello, please")
    post(wrapped, session_id="s6", message="again")

    def polite(turn):
        return "please" in turn.output.text, "looked for a please"

    @ct.evaluator(on="session", sample=0.0001)
    async def two_turns(conversation):
        return conversation.session.turns == 2

    scores = convotrace.evaluate(polite, two_turns, "answered")
    assert [(one.name, one.passed) for one in scores if one.name == "polite"] == [("polite", True), ("polite", False)]
    assert [one.value for one in scores if one.name == "two_turns"] == [True]
    assert all(one.passed for one in scores if one.name == "answered")
    assert convotrace.session("s6").traces[0].scores == ()
    with pytest.raises(ct.SettingsError, match="nobody"):
        convotrace.evaluate("nobody")
