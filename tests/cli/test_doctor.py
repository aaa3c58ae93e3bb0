"""`convotrace doctor` finds the usual mistakes: each is really made here, and the sentence says what to type."""

import json
import os
import sqlite3
import sys
import textwrap
import time

import pytest
from click.testing import CliRunner

import convotrace as ct
from convotrace.cli import main, mistakes
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store
from convotrace.store.schema import SCHEMA_VERSION
from convotrace.wsgi import ConvoTraceMiddleware

pytestmark = pytest.mark.sqlite


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/own/s.db"
    Store.open(url).close()
    return url


@pytest.fixture
def doctor(url, monkeypatch):
    """Run the command; return its exit code and what it found."""

    def run(*arguments, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(f"CONVOTRACE_{name.upper()}", value)
        result = CliRunner().invoke(main, ["doctor", "--store", url, "--json", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        found = json.loads(result.output)
        assert result.exit_code == (0 if found["ok"] else 1)
        return found["troubles"], found["hints"]

    return run


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write an app as a user would, and return the name by which the command finds it."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def write(text, name="app_usual"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return f"{name}:app"

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("app_"):
            del sys.modules[name]


def turns(url, number, **more):
    store = Store.open(url)
    now = more.pop("at", time.time_ns() - 10**12)
    facts = more.pop("facts", lambda n: SessionFacts(f"s{n}", "header"))
    fields = {"is_turn": True, "input": Payload("hi"), **more}
    for n in range(1, number + 1):
        store.write([Change(facts(n), Trace(f"{n:032x}", f"s{n}", started_ns=now + n, **fields))])
    store.close()


def test_a_store_in_order_is_well(doctor, url):
    turns(url, 30)
    assert doctor() == ([], [])


FASTAPI = """
    from fastapi import FastAPI
    from starlette.middleware.gzip import GZipMiddleware
    from convotrace_fastapi import ConvoTrace
    app = FastAPI()
    {before}
    ConvoTrace(app, store="memory:", {options})
    {after}
"""
GZIP = "app.add_middleware(GZipMiddleware)"


def test_1_a_middleware_around_ours_is_named(doctor, module):
    troubles, hints = doctor("--app", module(FASTAPI.format(before="", after=GZIP, options="")))
    assert troubles == [] and "ConvoTrace stands inside GZipMiddleware" in hints[0]
    assert "after the other add_middleware" in hints[0]


def test_1_ours_around_the_others_is_right(doctor, module):
    assert doctor("--app", module(FASTAPI.format(before=GZIP, after="", options=""), "app_right")) == ([], [])


def test_1_an_app_without_it_is_told(doctor, module):
    troubles, _ = doctor("--app", module("from fastapi import FastAPI\napp = FastAPI()", "app_without"))
    assert troubles == ["The app has no ConvoTrace among its middlewares; add it: ConvoTrace(app)."]


def test_1_a_flask_app_is_looked_at_too(doctor, module):
    app = """
        import flask
        from werkzeug.middleware.proxy_fix import ProxyFix
        from convotrace_flask import ConvoTrace
        app = flask.Flask("shop")
        ConvoTrace(app, store="memory:")
        app.wsgi_app = ProxyFix(app.wsgi_app)
    """
    troubles, hints = doctor("--app", module(app, "app_flask"))
    assert troubles == [] and "ConvoTrace stands inside ProxyFix" in hints[0]


def test_2_an_id_that_swallows_everybody_is_named_with_its_rule(doctor, url):
    observer = ct.ConvoTrace(store=url, session_headers=("X-App",))
    app = ConvoTraceMiddleware(_reply, convotrace=observer)
    for n in range(12):
        _post(app, {"HTTP_X_APP": "shop", "REMOTE_ADDR": f"203.0.113.{n}"}, b'{"message": "hi"}')
    observer.close()
    troubles, _ = doctor()
    assert "One id swallows unrelated clients: 'shop' (from header X-App)" in troubles[0]
    assert "X-Session-ID" in troubles[0]


def test_2_turns_without_any_id_are_told(doctor, url):
    observer = ct.ConvoTrace(store=url)
    app = ConvoTraceMiddleware(_reply, convotrace=observer)
    for n in range(25):
        _post(app, {}, b'{"message": "hi %d"}' % n)
    observer.close()
    (trouble,), _ = doctor()
    assert "25 of the newest 25 sessions are single turns without an id" in trouble


def test_3_bodies_that_are_not_captured_are_told(doctor, url):
    observer = ct.ConvoTrace(store=url, content=False)
    app = ConvoTraceMiddleware(_reply, convotrace=observer)
    for n in range(8):
        _post(app, {"HTTP_X_SESSION_ID": f"s{n}"}, b'{"message": "hi"}')
    observer.close()
    (trouble,), hints = doctor(content="0")
    assert "No words were recognised in 8 of the newest 8 sessions" in trouble and "input_text=" in trouble
    assert hints == ["content is off: unset CONVOTRACE_CONTENT to keep it."]


def test_4_a_file_on_a_network_disk_is_told(doctor, url, tmp_path, monkeypatch):
    # A real one needs a server of files: the machine's list of mounts says here that the folder is one.
    table = tmp_path / "mounts"
    table.write_text(f"/dev/vda / ext4 rw 0 0\nfiles:/app {tmp_path}/own nfs4 rw 0 0\nproc /proc proc rw 0 0\n")
    monkeypatch.setattr(mistakes, "MOUNTS", table)
    (trouble,), _ = doctor()
    assert "on a network disk (nfs4)" in trouble and "docs/growing.md" in trouble
    table.write_text("/dev/vda / ext4 rw 0 0\n")
    assert doctor() == ([], [])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [("auth=lambda request: True", "Anybody can read the page"), ('token="letmein"', "has 7 characters")],
)
def test_5_a_page_that_strangers_can_read_is_told(doctor, module, options, sentence):
    name = module(FASTAPI.format(before="", after="", options=options), f"app_open{len(options)}")
    troubles, _ = doctor("--app", name)
    assert len(troubles) == 1 and sentence in troubles[0]


def test_5_development_in_production_is_told(doctor):
    (trouble,), _ = doctor(dev="1", environment="production")
    assert "unset CONVOTRACE_DEV" in trouble


def test_6_a_clock_that_is_wrong_is_told(doctor, url):
    turns(url, 1, at=time.time_ns() + 3600 * 10**9)
    (trouble,), _ = doctor()
    assert "60 minutes ahead of this machine's clock" in trouble and "timedatectl" in trouble


def test_7_a_file_that_others_may_read_is_told(doctor, url):
    os.chmod(url.removeprefix("sqlite:///"), 0o640)
    (trouble,), _ = doctor()
    assert "mode 0640" in trouble and "chmod 600" in trouble


@pytest.mark.parametrize(("version", "cure"), [(SCHEMA_VERSION + 1, "--upgrade"), (SCHEMA_VERSION - 1, "migrate")])
def test_8_a_store_of_another_release_is_told_and_left_as_it_is(url, version, cure):
    path = url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version={version}")
    db.close()
    result = CliRunner().invoke(main, ["doctor", "--store", url])
    assert result.exit_code == 1 and cure in result.output
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
    db.close()


def test_9_sampling_that_leaves_out_everything_is_told_and_a_share_is_a_hint(doctor):
    (trouble,), _ = doctor(sample="0")
    assert "set CONVOTRACE_SAMPLE=1" in trouble
    troubles, (hint,) = doctor(sample="0.1")
    assert troubles == [] and "sample is 0.1" in hint


def test_10_a_missing_extra_is_told(doctor, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.proto", None)
    (trouble,), _ = doctor(otlp_receiver="1")
    assert 'pip install "convotrace[otlp]"' in trouble


def test_10_an_instrumentation_that_is_not_installed_is_told(doctor, monkeypatch):
    monkeypatch.setitem(sys.modules, "anthropic", None)
    (trouble,), _ = doctor(instrument="anthropic")
    assert "anthropic" in trouble and "pip install" in trouble


def test_an_app_that_cannot_be_loaded_is_one_sentence(url):
    result = CliRunner().invoke(main, ["doctor", "--store", url, "--app", "nowhere:app"])
    assert result.exit_code == 2 and "nowhere:app cannot be loaded: ModuleNotFoundError" in result.output


def _reply(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"reply": "hello"}']


def _post(app, headers, body):
    import io

    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "SERVER_NAME": "h", "SERVER_PORT": "80",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http", **headers,
    }  # fmt: skip
    answer = app(environ, lambda status, headers, exc_info=None: None)
    list(answer)
    if hasattr(answer, "close"):
        answer.close()
