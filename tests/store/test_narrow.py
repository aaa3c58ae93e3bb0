"""Short ways of the writer: they store what the long ones would have stored."""

import math
from dataclasses import replace
from itertools import product

import pytest

from convotrace.export.records import as_json
from convotrace.model import Document, Event
from convotrace.store.narrow import Narrow


def test_a_statement_takes_the_columns_of_which_some_row_says_something():
    forms = Narrow(("a", "b", "c"), " ".join)
    assert forms.of([(1, None, 0), (2, None, None)]) == ("a c", [(1, 0), (2, None)])
    assert forms.of([(None, None, None), (None, "", 3)]) == ("b c", [(None, None), ("", 3)])


def test_of_too_many_forms_the_whole_one_is_taken():
    names = [f"c{n}" for n in range(8)]
    forms = Narrow(names, " ".join)
    rows = [row for row in product((None, 1), repeat=8) if sum(map(bool, row)) > 1]
    made = [forms.of([row]) for row in rows]
    assert {statement for statement, _ in made[60:]} == {" ".join(names)}
    assert all(len(taken[0]) == len(statement.split()) for statement, taken in made)
    assert made[-1][1] == [rows[-1]]


CHANGES = {
    "errors": {"errors": 1}, "cost_nano": {"cost_nano": 3}, "user": {"user_id": "u"}, "status": {"status": "error"},
    "nothing": {}, "no turn": {"is_turn": False},
}  # fmt: skip
FACTS = {"nothing": {}, "tags": {"tags": ("a",)}, "release": {"release": "2"}, "resolved": {"resolved": True}}


@pytest.mark.parametrize(("of_trace", "of_session"), [*product(CHANGES, FACTS)])
def test_a_session_that_goes_on_is_stored_as_one_that_is_written_whole(memory, make, monkeypatch, of_trace, of_session):
    first, second = (make.trace("s", at=n, id=f"{n:032x}") for n in (1, 2))
    second = replace(second, **CHANGES[of_trace])
    for id in ("short", "whole"):
        monkeypatch.setattr(memory._ready().sql, "is_narrow", id == "short" and memory._ready().sql.is_narrow)
        memory.write([make.change(id, replace(first, session_id=id))])
        change = make.change(id, replace(second, session_id=id))
        memory.write([replace(change, session=replace(change.session, **FACTS[of_session]))])
    short, whole = (as_json(memory.session(id).session) for id in ("short", "whole"))
    assert short | {"id": "", "key": ""} == whole | {"id": "", "key": ""}
    for q in ("has:error", "status:error", "tag:a", "release:2", "resolved:true", "user:u"):
        assert {one.id for one in memory.sessions(q=q).sessions} in (set(), {"short", "whole"})


LOOSE = {"a": math.nan, "null": "null", "none": None, "inside": [1, {"b": math.inf}]}


def test_what_is_no_number_survives_beside_what_is_nothing(memory, make):
    span = make.span(
        attributes=LOOSE, metadata={"one": None}, events=(Event("e", 1, None, {"x": math.nan}),),
        documents=(Document(text="null", score=math.nan, metadata={"deep": [math.inf]}),), result="é" * 160,
    )  # fmt: skip
    memory.write([make.change(trace=make.trace(spans=(span, replace(span, attributes={"b": "null"}))))])
    first, second = memory.session("s").traces[0].spans
    assert math.isnan(first.attributes["a"]) and first.attributes["inside"] == [1, {"b": math.inf}]
    assert first.attributes["none"] is None and second.attributes == {"b": "null"}
    assert math.isnan(first.events[0].attributes["x"]) and math.isnan(second.documents[0].score)
    assert first.metadata == {"one": None} and first.documents[0].metadata == {"deep": [math.inf]}
    assert first.result == "é" * 160
