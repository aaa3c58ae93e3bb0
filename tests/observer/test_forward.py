"""`forward=`: what an app records goes to a backend while it runs, and one that is down costs it nothing."""

import time

import pytest

import convotrace as ct
from convotrace.errors import SettingsError
from convotrace.jobs import otlp_client, work
from convotrace.jobs.otlp_client import Forward
from tests.backend import Backend
from tests.patience import PATIENCE, until


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(work, "_FIRST_LOOK_NS", 0)


def talk(observer, *ids):
    for id in ids:
        with observer.session(id):
            with ct.generation("chat", model="m") as call:
                call.set_output("an answer")
            ct.set_input(f"said in {id}")
            ct.set_output("an answer")
            ct.score("kind", 1.0)


def test_what_an_app_records_arrives_while_it_runs(store_url, backend):
    observer = ct.ConvoTrace(store=store_url, forward=backend.url)
    talk(observer, "a", "b")
    observer.flush()
    until(lambda: len(backend.sessions) == 2)
    assert backend.sessions == {"a": ["said in a"], "b": ["said in b"]}
    assert backend.store.session("a").traces[0].scores[0].value == 1.0
    observer.close()


@pytest.mark.parametrize("manner", ["drip", "hang", "flood", 500])
def test_a_backend_that_misbehaves_costs_the_app_nothing_and_closing_waits_for_nobody(
    store_url, backend, manner, monkeypatch
):
    # Who waits for it waits so long.
    monkeypatch.setattr(otlp_client.post, "__defaults__", (float(PATIENCE),))
    backend.manner = manner
    observer = ct.ConvoTrace(store=store_url, forward=[Forward(backend.url)])
    talk(observer, "a")
    observer.flush()
    until(lambda: backend.requests)
    began = time.monotonic()
    talk(observer, "b")
    observer.flush()
    assert [session.id for session in observer.store.sessions(order="started")] == ["a", "b"]
    observer.close(1.0)
    assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize(
    "wrong",
    [{"forward": "localhost:4318"}, {"forward": 7}, {"forward": ["http://h", "http://h"]},
     {"forward": "http://h", "forward_dialect": "datadog"}, {"forward": "http://h", "forward_headers": "x"}],
)  # fmt: skip
def test_a_wrong_target_is_said_at_the_call(wrong):
    with pytest.raises(SettingsError, match="forward"):
        ct.ConvoTrace(store="memory:", **wrong)


def test_the_environment_names_targets_headers_and_dialect(monkeypatch):
    from convotrace.jobs.forwarding import forwards_of
    from convotrace.settings import Settings

    environ = {
        "CONVOTRACE_FORWARD": "http://one:4318, http://two/v1/traces",
        "CONVOTRACE_FORWARD_HEADERS": "Authorization=Basic a=b", "CONVOTRACE_FORWARD_DIALECT": "langfuse",
    }  # fmt: skip
    one, two = forwards_of(Settings.of({}, environ))
    assert (one.endpoint, two.endpoint) == ("http://one:4318/v1/traces", "http://two/v1/traces")
    assert one.headers == {"Authorization": "Basic a=b"} and one.dialect == "langfuse"
