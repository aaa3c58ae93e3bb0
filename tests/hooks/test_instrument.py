"""Names of clients to instrument: what is missing is said in one sentence at the call, with what to type."""

import pytest

import convotrace as ct
from convotrace.hooks import instrument
from convotrace.settings import Settings


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("openai", "pip install opentelemetry-instrumentation-genai-openai"),
        ("httpx", "pip install opentelemetry-instrumentation-httpx"),
        ("pydantic_ai", "pip install pydantic-ai"),
        ("MistralAI", "pip install openinference-instrumentation-mistralai"),
    ],
)
def test_a_client_that_nothing_installed_instruments_is_refused_with_the_command(name, sentence, monkeypatch):
    monkeypatch.setattr(instrument, "_points", lambda package, loaded=False: ())
    monkeypatch.setattr(instrument, "_is_there", lambda module: False)
    with pytest.raises(ct.SettingsError, match=sentence):
        ct.ConvoTrace(store="memory:", instrument=[name])


def test_a_name_that_is_none_is_refused_with_the_nearest_one():
    with pytest.raises(ct.SettingsError, match="did you mean 'openai'"):
        ct.ConvoTrace(store="memory:", instrument="opneai")


def test_a_name_from_the_environment_stops_no_app(monkeypatch, capsys):
    monkeypatch.setenv("CONVOTRACE_INSTRUMENT", "opneai")
    ct.ConvoTrace(store="memory:")
    assert "did you mean 'openai'?" in capsys.readouterr().err


class Instrumentor:
    """Stands for that of a package."""

    on = 0

    def instrument(self, **options):
        type(self).on += 1
        if self.broken:
            raise RuntimeError("made for another version")


class Point:
    def __init__(self, kind):
        self.kind, self.name, self.module = kind, "x", "no.such.module"

    def load(self):
        return self.kind


@pytest.fixture
def client(monkeypatch):
    """A client that two packages instrument, of which the first may be broken."""

    def make(broken):
        kinds = {name: type(name, (Instrumentor,), {"broken": name in broken, "on": 0}) for name in ("first", "second")}
        monkeypatch.setattr(instrument, "CLIENTS", {"x": instrument.Client("sys", ("first", "second"))})
        points = {name: [Point(kind)] for name, kind in kinds.items()}
        monkeypatch.setattr(instrument, "_points", lambda package, loaded=False: () if loaded else points[package])
        for known in ("_done", "on"):
            monkeypatch.setattr(instrument, known, set())
        monkeypatch.setattr(instrument, "refused", {})
        return kinds

    return make


def settings(**options):
    return Settings.of({"store": "memory:", "instrument": "installed", **options}, {})


def test_the_first_package_that_fits_is_turned_on_and_no_other(client):
    kinds = client(broken=())
    instrument.install(settings())
    instrument.install(settings())
    assert [kind.on for kind in kinds.values()] == [1, 0] and instrument.on == {"x"}


def test_where_one_does_not_fit_the_next_is_taken(client):
    kinds = client(broken=("first",))
    instrument.install(settings())
    assert [kind.on for kind in kinds.values()] == [1, 1] and instrument.refused == {}


def test_what_cannot_be_turned_on_is_told_and_stops_nothing(client):
    client(broken=("first", "second"))
    instrument.install(settings())
    assert instrument.refused == {"x": "made for another version"} and instrument.on == set()
    assert not instrument.needs_spans(settings())


@pytest.mark.parametrize(("content", "value"), [(True, "span_only"), (False, None)])
def test_texts_are_asked_for_only_where_they_may_be_kept(client, monkeypatch, content, value):
    client(broken=())
    environ = {}
    monkeypatch.setattr(instrument.os, "environ", environ)
    instrument.install(settings(content=content))
    assert environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT") == value


def test_every_client_says_what_instruments_it():
    for client in instrument.CLIENTS.values():
        assert client.own or client.packages
        assert all(package.startswith(("opentelemetry-", "openinference-")) for package in client.packages)
