"""Which sessions the report on tools reads, and how much of them."""

from __future__ import annotations

from convotrace.model import Change, Payload, SessionFacts, Span, Trace
from convotrace.store import Store, tool_use

SECOND = 1_000_000_000


def _turn(number: int, tool: str) -> Change:
    own, at = f"{number:032x}", number * SECOND
    span = Span(f"{number:016x}", own, tool, "tool", started_ns=at)
    return Change(SessionFacts("s"), Trace(own, "s", is_turn=True, started_ns=at, input=Payload("Hi"), spans=(span,)))


def test_of_a_very_long_session_the_newest_turns_are_read(monkeypatch):
    monkeypatch.setattr(tool_use, "MOST_TURNS", 3)
    store = Store.open("memory:")
    store.write([_turn(number, f"tool {number}") for number in range(1, 31)])
    report = store.tools()
    assert (report.sessions, report.turns) == (1, 3)
    assert {one.name for one in report.tools} == {"tool 28", "tool 29", "tool 30"}
    store.close()
