"""Small records with one line each, and stores that are closed after the test."""

from dataclasses import replace
from itertools import count

import pytest

from convotrace.model import Change, Payload, SessionFacts, Span, Trace
from convotrace.store import Store

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


class Make:
    """Makes records that differ where a test says so."""

    def __init__(self):
        self._numbers = count(1)

    def trace(self, session="s", at=None, **fields):
        number = next(self._numbers)
        fields = {
            "id": f"{number:032x}", "is_turn": True, "duration_ns": SECOND, "started_ns": START + number * 60 * SECOND,
            "input": Payload(f"question {number}"), "output": Payload(f"answer {number}"), **fields,
        }  # fmt: skip
        if at is not None:
            fields["started_ns"] = START + at * SECOND
        spans = tuple(replace(span, trace_id=fields["id"]) for span in fields.pop("spans", ()))
        return Trace(session_id=session, spans=spans, **fields)

    def span(self, **fields):
        number = next(self._numbers)
        return Span(**{"id": f"{number:016x}", "trace_id": "", "name": "step", "started_ns": START, **fields})

    def change(self, session="s", trace=None, written_as=None, **facts):
        facts = {"id_source": "header", **facts}
        return Change(SessionFacts(session, **facts), trace or self.trace(session), written_as)

    def outside(self, session="s", **facts):
        return Change(SessionFacts(session, **facts))


def rows(store, statement, *values):
    """Return what a statement finds in a store, as another program would see it."""
    with store._ready().connections.reading() as connection:
        return connection.execute(statement, values).fetchall()


def run_sql(store, *statements):
    """Change a store behind its back."""
    with store._ready().connections.writing() as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def make():
    return Make()


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    yield opened
    opened.close()


@pytest.fixture
def memory(database, request):
    """A store that leaves no file behind; on the other database one like any."""
    opened = Store.open("memory:" if database == "sqlite" else request.getfixturevalue("store_url"))
    yield opened
    opened.close()
