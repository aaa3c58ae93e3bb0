"""CSV: each row as Python's own reader finds it, and no cell that a spreadsheet would run."""

import csv
import io

import pytest

from convotrace.export import TABLES
from convotrace.model import (
    Conversation,
    Document,
    Event,
    Failure,
    Payload,
    Score,
    Session,
    Signal,
    Span,
    Target,
    Usage,
)
from convotrace.model import Trace as T

HOSTILE = '=cmd|" /C calc"!A0,\n\r\n"quoted"\t中文\u202e\ud800\0'


def rows(what, conversation):
    text = TABLES[what].header() + TABLES[what].lines(conversation)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def conversation(text="hi"):
    span = Span(
        "a" * 16, "t", "look_up", "tool", status="error", error=Failure("E", text), arguments={"q": text},
        result=[text], usage=Usage(5, 0), documents=(Document("d", text),), events=(Event("inside", 1),),
        scores=(Score("3", text, "text", text, 1, Target("s", "t", "a" * 16)),),
    )  # fmt: skip
    trace = T(
        "t", "s", turn=1, is_turn=True, input=Payload(text), output=Payload(""), spans=(span,),
        events=(Event("on", 2),), scores=(Score("2", "b", "boolean", False, 1, Target("s", "t")),),
        signals=(Signal("left", "x"),),
    )  # fmt: skip
    score = Score("1", "n", "numeric", -0.5, 1, Target("s"))
    return Conversation(Session("s", "s", name=text, resolved=False), (trace,), (Event("end", 3),), (score,))


@pytest.mark.parametrize("what", TABLES)
def test_every_row_has_every_column_whatever_its_texts_hold(what):
    found = rows(what, conversation(HOSTILE))
    assert [*found[0]] == list(TABLES[what].columns)
    assert not [cell for row in found for cell in row.values() if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert len(found) == {"sessions": 1, "traces": 1, "spans": 1, "scores": 3, "events": 3}[what]


def test_a_formula_gets_an_apostrophe_and_a_negative_number_stays_one():
    assert rows("traces", conversation("=1+1"))[0]["input"] == "'=1+1"
    assert rows("scores", conversation())[0]["value"] == "-0.5"


def test_unknown_is_empty_and_nothing_is_zero():
    span = rows("spans", conversation())[0]
    assert (span["input_tokens"], span["output_tokens"], span["cached_read_tokens"], span["query"]) == (
        "5",
        "0",
        "",
        "",
    )
    assert rows("sessions", conversation())[0]["resolved"] == "false"


def test_scores_and_events_say_what_they_stand_on():
    found = [(row["trace_id"], row["span_id"], row["turn"]) for row in rows("scores", conversation())]
    assert found == [("", "", ""), ("t", "", "1"), ("t", "a" * 16, "1")]
    assert [row["name"] for row in rows("events", conversation())] == ["end", "on", "inside"]
