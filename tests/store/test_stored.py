"""Files that earlier releases wrote, opened by this one: nothing is lost, nothing is changed.

`python -m tests.store.test_stored FILE` writes such a file with the release at hand; `stored/` has one of each schema.
"""

import lzma
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from convotrace.model import Document, Event, Failure, Payload, Score, Target, ToolDefinition, Usage
from convotrace.store import Store
from convotrace.store.schema import SCHEMA_VERSION
from tests.store.audit import audit
from tests.store.conftest import SECOND, START, Make

STORED = sorted(Path(__file__).with_name("stored").glob("whole-*.db.xz"))
LONG = "a text that is long enough to stand among the contents of its session. " * 10


def message(role, text):
    return {"role": role, "parts": [{"type": "text", "text": text}]}


def changes():
    """Return what stands in each file: a session with all that a span can hold, and a few plain ones."""
    make = Make()
    history = [message("user", f"{n} {LONG}") for n in range(6)]
    call = make.span(
        kind="generation", model="m", provider="p", usage=Usage(7, 3, 1, None, None, 2), cost_nano=5, input=history,
        output=[message("assistant", "short")], parameters={"temperature": 0.5}, first_token_ns=START + 9,
        tools=(ToolDefinition("look", "up", {"type": "object"}),), finish_reason="stop", service="svc",
        events=(Event("chunk", START + 5, "info", {"n": 1}), Event("odd", START + 6, None, {"nan": 2**70})),
    )  # fmt: skip
    search = make.span(
        kind="retrieval", query="what", parent_id=call.id, tags=("t",), metadata={"m": None}, call_id="c",
        documents=(Document("a", LONG, 0.5, "title", "url", {"k": 1}), Document("b", "short")),
    )  # fmt: skip
    tool = make.span(
        id="no hex", kind="tool", name="lone \ud800", arguments={"deep": {"x": LONG}, "y": [1, 2.5, None]},
        result=float("inf"), status="error", error=Failure("E", "message", "stack"), attributes={"great": 2**80},
        parent_id="", duration_ns=12,
    )  # fmt: skip
    trace = make.trace("full", spans=(call, search, tool), events=(Event("seen", START + 1),), answer_ids=("later",))
    target = Target("full", trace.id, call.id)
    trace = replace(trace, scores=(Score("s1", "good", "numeric", 1.0, START, target, "end_user", "fine", None),))
    yield make.change("full", trace, events=(Event("escalation", START + 2, "warn", {"to": "desk"}),), user_id="ann")
    yield make.outside("full", events=(Event("from outside", START + 3 * SECOND),))
    for number in range(3):
        steps = (make.span(kind="tool", name=f"tool {number}"), make.span(input=history[:number]))
        yield make.change("plain", make.trace("plain", spans=steps, output=Payload(LONG, {"said": LONG})))
    yield make.change("bare")


def write(url):
    store = Store.open(url)
    store.write(list(changes()))
    store.close()


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.name)
def test_a_file_of_an_earlier_schema_tells_what_it_told(stored, tmp_path, store):
    store.write(list(changes()))
    path = tmp_path / "old.db"
    path.write_bytes(lzma.decompress(stored.read_bytes()))
    old = Store.open(f"sqlite:///{path}")
    for name in ("full", "plain", "bare"):
        assert old.session(name) == store.session(name)
    for q in ("tool:tool*", "model:m", "has:escalation", "user:ann", "fb:up", "kind:retrieval"):
        assert [s.id for s in old.sessions(q=q)] == [s.id for s in store.sessions(q=q)]
    old.write([Make().change("full", Make().trace("full", id="9" * 32, at=99))])
    old.close()
    assert audit(path) == []
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name LIKE 'old_%'").fetchall()
    db.close()


if __name__ == "__main__":
    write(f"sqlite:///{sys.argv[1]}")
