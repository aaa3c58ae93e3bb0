"""The page of one turn: what belongs together is linked, all of a value can be had, idle time can be drawn short."""

from __future__ import annotations

import dataclasses
import re

import pytest

from convotrace.model import Conversation, Failure, Payload, Request, Session, Span, ToolDefinition, Trace
from convotrace.page.calls import caller_of, definition_of, made_by, place_of
from convotrace.page.sifting import sift
from convotrace.page.waterfall import rows

S = 1_000_000_000
TRACE = "a" * 32


def _call(name: str, call_id: str) -> dict[str, object]:
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": {"seat": 4}}


def _said(role: str, *parts) -> dict[str, object]:
    return {"role": role, "parts": list(parts)}


ANSWER = {"type": "tool_call_response", "id": "c1", "response": "booked"}
FIRST = Span(
    "1" * 16,
    TRACE,
    "chat",
    "generation",
    started_ns=S,
    duration_ns=S,
    model="m",
    tools=(ToolDefinition("book", "Books a seat.", {"type": "object"}),),
    input=[_said("user", {"type": "text", "content": "Book"})],
    output=[_said("assistant", _call("book", "c1"))],
)
BOOK = Span("2" * 16, TRACE, "book", "tool", started_ns=2 * S, duration_ns=S, call_id="c1", arguments={"seat": 4})
SECOND = dataclasses.replace(
    FIRST, id="3" * 16, started_ns=3 * S,
    input=[_said("user", {"type": "text", "content": "Book"}), _said("assistant", _call("book", "c1")),
           _said("tool", ANSWER)],
    output=[_said("assistant", {"type": "text", "content": "Done"})],
)  # fmt: skip
TURN = Trace(
    TRACE,
    "s",
    is_turn=True,
    turn=1,
    started_ns=0,
    duration_ns=5 * S,
    input=Payload("Book", {"m": "Book"}),
    output=Payload("Done"),
    spans=(FIRST, BOOK, SECOND),
    request=Request("POST", "/chat"),
)


@pytest.fixture
def look(ask, new_house):
    """Return a way to look at pages of a session of one turn."""

    def _look(turn: Trace = TURN, query: str = "", path: str = f"/s/s/t/{TRACE}", more=()):
        response = ask(new_house([Conversation(Session("s", "s", turns=1), (turn, *more))]), path, query=query)
        return response.status, response.body.decode()

    return _look


def test_a_call_its_definition_and_its_result_find_each_other():
    assert definition_of(TURN, "book") == (FIRST, FIRST.tools[0])
    assert (caller_of(TURN, BOOK), made_by(TURN, FIRST)) == (FIRST, {"c1": BOOK})
    unnamed = dataclasses.replace(BOOK, call_id=None)
    turn = dataclasses.replace(TURN, spans=(FIRST, unnamed))
    assert (caller_of(turn, unnamed), made_by(turn, FIRST)) == (FIRST, {"c1": unnamed})
    assert caller_of(TURN, dataclasses.replace(BOOK, name="other", call_id="none")) is None


def test_model_calls_know_the_one_before_and_after():
    assert place_of(TURN, FIRST).after == SECOND and place_of(TURN, SECOND).before == FIRST
    assert (place_of(TURN, SECOND).number, place_of(TURN, BOOK)) == (2, None)


def test_links_lead_from_a_call_to_its_definition_its_result_and_the_calls_around(look):
    _, page = look(query=f"span={FIRST.id}")
    assert f'<a href="?span={BOOK.id}#call">result ↓</a>' in page
    assert '<a href="#def-1" data-unfold>definition</a>' in page and 'id="def-1"' in page
    assert f'data-call="after" href="?span={SECOND.id}#call"' in page
    _, page = look(query=f"span={SECOND.id}")
    assert '<a href="#m3">result ↓</a>' in page and 'id="m3"' in page
    _, page = look(query=f"span={BOOK.id}")
    assert "asked for by m" in page and "Books a seat." in page


def test_the_failed_step_itself_is_chosen_and_not_what_stands_around_it(look):
    failed = {"status": "error", "error": Failure("E", "no seat left")}
    agent = Span("9" * 16, TRACE, "agent", "agent", started_ns=0, duration_ns=4 * S, **failed)
    book = dataclasses.replace(BOOK, parent_id=agent.id, **failed)
    _, page = look(dataclasses.replace(TURN, spans=(agent, FIRST, book)))
    assert re.search(f'id="sp-{book.id}" aria-current="true"', page)


@pytest.mark.parametrize(("only", "dim"), [("errors", 3), ("path", 0), ("slow", 0), ("nonsense", 0), ("", 0)])
def test_a_filter_dims_what_it_does_not_name_and_hides_nothing(look, only, dim):
    _, page = look(query=f"only={only}")
    assert page.count('class="wr dim"') == dim
    assert page.count('id="sp-') == 3


@pytest.mark.parametrize(
    ("text", "ids"),
    [("BOOK", "123"), ("tool", "2"), ("kind", ""), ("m chat", "13"), ("seat booked", "3"), (">1s", ""),
     (">999ms", "123"), ("<2s tool book", "2"), ("Generation", "13"), ("nothing", ""), (">", ""), ("  ", "123")],
)  # fmt: skip
def test_a_text_finds_the_spans_that_say_it_and_how_long_they_took(text, ids):
    assert "".join(span.id[0] for span in TURN.spans if sift(text)(span)) == ids


def test_what_a_text_does_not_find_is_dimmed_and_the_first_it_finds_is_chosen(look):
    _, page = look(query="find=booked&only=slow")
    assert page.count('class="wr dim"') == 2 and "1 of 3 spans" in page
    assert re.search(f'id="sp-{SECOND.id}" aria-current="true"', page)
    assert f'href="?only=slow&amp;find=booked&amp;span={FIRST.id}#call"' in page
    assert '<input type="hidden" name="only" value="slow">' in page and 'name="find" value="booked"' in page


def test_filters_and_drawing_short_are_kept_when_another_span_is_chosen(look):
    late = dataclasses.replace(BOOK, id="8" * 16, started_ns=100 * S)
    _, page = look(dataclasses.replace(TURN, spans=(FIRST, BOOK, late)), query="only=slow&squeeze=1")
    assert f'href="?only=slow&amp;squeeze=1&amp;span={FIRST.id}#call"' in page


def test_idle_time_is_drawn_short_when_asked_for():
    late = dataclasses.replace(BOOK, id="8" * 16, started_ns=101 * S)
    turn = dataclasses.replace(TURN, duration_ns=102 * S, spans=(FIRST, BOOK, late))
    axis, _ = rows(turn)
    assert axis.idle == ((3 * S, 101 * S),) and 0.9 < axis.idle_share < 1
    short, drawn = rows(turn, squeezed=True)
    assert [round(row.width) for row in drawn[1:]] == [24, 24, 24] and len(short.gaps) == 1
    assert short.place(0) == 0 and short.place(short.end_ns) == 100


def test_a_time_that_is_busy_is_never_left_out():
    axis, drawn = rows(TURN, squeezed=True)
    assert not axis.is_squeezed or axis.idle_share > 0
    assert drawn[1].width > 15


def test_a_parent_tells_its_own_time():
    agent = Span("9" * 16, TRACE, "agent", "agent", started_ns=0, duration_ns=4 * S)
    inner = [dataclasses.replace(one, parent_id=agent.id) for one in (FIRST, BOOK)]
    _, drawn = rows(dataclasses.replace(TURN, spans=(agent, *inner)))
    assert [row.own_ns for row in drawn] == [None, 2 * S, None, None]


def test_all_of_a_value_can_be_had_as_text_with_unseen_characters_as_escapes(look):
    long = "\u202e" + "x" * 100_000
    turn = dataclasses.replace(TURN, output=Payload(long), spans=(dataclasses.replace(BOOK, result={"a": long}),))
    status, text = look(turn, "name=answer", f"/s/s/t/{TRACE}/part")
    assert (status, text) == (200, r"\u202e" + "x" * 100_000 + "\n")
    status, text = look(turn, f"name=result&span={BOOK.id}", f"/s/s/t/{TRACE}/part")
    assert status == 200 and text.count("x") == 100_000
    for query in ("", "name=nothing", "name=stack", f"name=query&span={BOOK.id}", "name=answer&span=none"):
        assert look(turn, query, f"/s/s/t/{TRACE}/part")[0] == 404


def test_every_value_of_the_page_links_to_all_of_it(look):
    _, page = look(query=f"span={BOOK.id}")
    for href in re.findall(rf'href="({TRACE}/part[^"]+)"', page):
        path, _, query = href.replace("&amp;", "&").partition("?")
        assert look(TURN, query, f"/s/s/t/{path}")[0] == 200


def test_two_requests_that_share_an_id_are_both_reached(look):
    twin = dataclasses.replace(TURN, turn=2, started_ns=40 * S, input=Payload("the other words"), spans=())
    _, session = look(more=(twin,), path="/s/s")
    assert f'id="t{TRACE}"' in session and f'id="t{TRACE}-{40 * S}"' in session
    assert f's/t/{TRACE}?began={40 * S}"' in session
    _, first = look(more=(twin,))
    assert f'<a href="?began={40 * S}">' in first and '<h1 dir="auto">Book</h1>' in first
    _, second = look(more=(twin,), query=f"began={40 * S}")
    assert "the other words" in second and '<a href="?began=0">' in second
    for form in ("/diff", ".md", ".json"):
        assert f"{TRACE}{form}?began={40 * S}" in session and f"{TRACE}{form}?began={40 * S}" in second
        assert "the other words" in look(more=(twin,), path=f"/s/s/t/{TRACE}{form}", query=f"began={40 * S}")[1]


@pytest.mark.parametrize(("form", "word"), [("json", f'"id":"{TRACE}"'), ("md", "> Book"), ("curl", "--data-raw")])
def test_a_turn_is_carried_away_in_several_forms(look, form, word):
    status, text = look(path=f"/s/s/t/{TRACE}.{form}")
    assert status == 200 and word in text


def test_the_command_names_the_app_as_the_page_was_reached(look):
    assert "curl http://app.example/chat" in look(path=f"/s/s/t/{TRACE}.curl")[1]
