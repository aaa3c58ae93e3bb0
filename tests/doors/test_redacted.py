"""H9, law 2: what must not be stored is in no file, whichever way it came; it is counted, and joins still work."""

import json
import logging
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import convotrace as ct
import convotrace_starlette

KEY = "sk-proj-c4n4ryc4n4ryC4N4RY0123456789"
MAIL = "ann.canary@example.com"


async def chat(request):
    asked = await request.json()
    logging.getLogger("app").warning("asked with %s by %s", KEY, MAIL)
    with ct.tool("pay", arguments={"key": KEY, "note": f"for {MAIL}"}) as tool:
        tool.set_result(json.dumps({"mail": MAIL, "key": KEY}))
    ct.user(MAIL)
    ct.metadata(owner=MAIL)
    ct.event("noted", key=KEY)
    ct.score("ok", True, f"says {MAIL} {KEY}")
    if asked.get("fails"):
        raise ValueError(f"no luck with {KEY} of {MAIL}")
    return JSONResponse({"reply": f"hello {MAIL}, your key {KEY}"})


async def stream(request):
    await request.json()
    pieces = [KEY[:9], KEY[9:20], KEY[20:], " of ann.canary@exam", "ple.com"]

    async def told():
        for piece in pieces:
            yield f"data: {json.dumps({'delta': piece})}\n\n"

    return StreamingResponse(told(), media_type="text/event-stream")


def made(tmp_path, **options):
    app = Starlette(routes=[Route("/chat", chat, methods=["POST"]), Route("/stream", stream, methods=["POST"])])
    observer = convotrace_starlette.ConvoTrace(app, store=f"sqlite:///{tmp_path}/s/s.db", **options)
    return observer, TestClient(app, raise_server_exceptions=False)


def bytes_of(folder):
    return b"".join(path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file())


def talk(client):
    body = {"session_id": "s1", "message": f"my key is {KEY}, mail {MAIL}"}
    headers = {"referer": f"https://shop.example/?t={KEY}", "x-note": KEY}
    client.post(f"/chat?api_key={KEY}&mail={MAIL}", json=body, headers=headers)
    client.post("/chat", json={**body, "fails": True})
    client.post("/stream", json=body)


@pytest.mark.sqlite
def test_no_secret_is_in_any_file_whatever_brought_it(tmp_path):
    observer, client = made(tmp_path)
    talk(client)
    store = observer.store
    found = store.session("s1")
    assert len(found.traces) == 3 and "[redacted: secrets]" in found.traces[0].output.text
    assert found.traces[2].output.text.startswith("[redacted: secrets] of")
    assert observer.health()["redacted"]["secrets"] > 8
    exported = b"".join(b"".join(store.export(format=name)) for name in ("jsonl", "markdown", "csv"))
    observer.close()
    for piece in (KEY.encode(), KEY[9:20].encode()):
        assert piece not in bytes_of(tmp_path) and piece not in exported
    # The default redacts secrets alone.
    assert MAIL.encode() in exported


@pytest.mark.sqlite
def test_personal_data_becomes_pseudonyms_that_keep_joins_possible(tmp_path):
    observer, client = made(tmp_path, redact="all", redact_with="pseudonym")
    talk(client)
    store = observer.store
    found = store.session("s1")
    user = found.session.user_id
    mail = re.search("email_[0-9a-f]{12}", found.traces[0].input.text)[0]
    assert re.fullmatch("user_[0-9a-f]{12}", user)
    assert mail in found.traces[0].output.text and user not in (None, mail)
    assert [one.id for one in store.sessions(q=f"user:{user}")] == ["s1"]
    assert store.forget(user=user)
    observer.close()
    assert b"ann.canary" not in bytes_of(tmp_path)


@pytest.mark.sqlite
def test_a_resent_history_is_known_again_though_its_texts_are_redacted(tmp_path):
    observer, client = made(tmp_path, redact=("secrets", "email"))
    asked = [{"role": "user", "content": f"my key is {KEY}"}]
    answer = {"role": "assistant", "content": f"hello {MAIL}, your key {KEY}"}
    for said in ([], [answer, {"role": "user", "content": f"mail {MAIL}"}], [answer, {"role": "user", "content": "?"}]):
        client.post("/chat", json={"session_id": "s1", "messages": [*asked, *said]})
    traces = observer.store.session("s1").traces
    assert [one.replaces for one in traces] == [None, None, traces[1].id]
    observer.close()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"redact": "emails"}, "use secrets, authorization"),
        ({"redact": [re.compile("(a+)+$")]}, "repetition inside a repetition"),
        ({"redact": [re.compile(b"a")]}, "a pattern of bytes"),
        ({"redact_fields": "ssn"}, "use a list of texts"),
        ({"redact_with": "stars"}, "'mark', 'pseudonym'"),
    ],
)
def test_a_wrong_option_is_said_at_the_call(option, words):
    with pytest.raises(ct.SettingsError, match=re.escape(words)):
        ct.ConvoTrace(**option)


def test_the_environment_names_presets(monkeypatch):
    monkeypatch.setenv("CONVOTRACE_REDACT", "secrets, email")
    assert ct.ConvoTrace().settings.redact == ("secrets", "email")
    monkeypatch.setenv("CONVOTRACE_REDACT", "none")
    assert ct.ConvoTrace().settings.redact is None


def test_a_store_tells_which_pseudonym_a_value_has(tmp_path):
    observer, client = made(tmp_path, redact="all", redact_with="pseudonym")
    talk(client)
    store = observer.store
    assert store.session("s1").session.user_id == store.pseudonym("user", MAIL)
    assert store.pseudonym("email", MAIL.upper()) in store.session("s1").traces[0].input.text
    observer.close()


@pytest.mark.sqlite
def test_an_id_that_is_an_address_is_a_pseudonym_and_every_request_finds_it_again(tmp_path):
    observer, client = made(tmp_path, redact="email")
    for number in range(3):
        client.post("/chat", json={"session_id": MAIL, "message": f"m{number}"})
        observer.flush()
    store = observer.store
    found = store.session(store.pseudonym("email", MAIL))
    assert found.session.turns == 3 and [one.id for one in store.sessions()] == [found.session.id]
    assert store.forget(session=found.session.id).sessions == 1
    observer.close()
    assert b"ann.canary" not in bytes_of(tmp_path)
