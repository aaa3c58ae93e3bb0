"""The context lens: what entered a prompt, stayed, was cut or dropped, and what became of each document."""

from __future__ import annotations

import json

import pytest

from convotrace.insight.context import context_of, flat
from convotrace.insight.lens import lens
from convotrace.model import Document, Payload, Span, ToolDefinition, Trace, Usage

RULES = "Be kind to everybody, whatever they say."
POLICY = "Basic economy flights cannot be modified after booking.\nThey can be cancelled within one day."
PETS = "Small animals travel in the cabin for a fee of eighty dollars."


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _turn(number, said=None, found=(), answer="", asked="", tokens=None, tools=()) -> Trace:
    trace_id = f"{number:032x}"
    spans = [Span(f"{number:015x}1", trace_id, "kb", "retrieval", documents=tuple(found))] if found else []
    if said is not None:
        usage = None if tokens is None else Usage(tokens)
        spans.append(Span(f"{number:015x}2", trace_id, "chat", "generation", input=said, usage=usage, tools=tools))
    texts = {"input": Payload(asked), "output": Payload(answer)}
    return Trace(trace_id, "s", is_turn=True, turn=number, spans=tuple(spans), **texts)


def _names(parts) -> list[str]:
    return [part.text for part in parts]


FIRST = [_message("system", RULES), _message("user", "Can I change my flight to London?")]
LATER = [*FIRST, _message("assistant", "No, but you can cancel it."), _message("user", "Then cancel.")]


def test_what_enters_stays_and_is_dropped_is_told_part_by_part():
    one, two, three = lens([_turn(1, FIRST), _turn(2, LATER), _turn(3, [LATER[0], LATER[3]])])
    assert (_names(one.entered), one.stayed, one.dropped) == ([RULES, "Can I change my flight to London?"], (), ())
    assert _names(two.stayed) == [RULES, "Can I change my flight to London?"]
    assert _names(two.entered) == ["No, but you can cancel it.", "Then cancel."]
    assert (_names(three.stayed), _names(three.entered)) == ([RULES, "Then cancel."], [])
    assert _names(three.dropped) == ["Can I change my flight to London?", "No, but you can cancel it."]


@pytest.mark.parametrize("cut", ["Can I change my flight…", "change my flight to London?"])
def test_a_part_of_which_a_piece_is_left_was_cut(cut):
    _, two = lens([_turn(1, FIRST), _turn(2, [FIRST[0], _message("user", cut)])])
    assert (_names(two.cut), two.entered, two.dropped) == ([cut], (), ())


def test_the_same_words_said_twice_are_two_parts():
    again = [*FIRST, _message("user", "yes"), _message("user", "yes")]
    _, two = lens([_turn(1, [*FIRST, _message("user", "yes")]), _turn(2, again)])
    assert _names(two.entered) == ["yes"]


def test_the_providers_tokens_are_shared_out_and_what_was_carried_is_told_from_what_is_new():
    one, two = lens([_turn(1, FIRST, tokens=100), _turn(2, LATER, tokens=150)])
    assert (one.carried, one.new) == (0, 100)
    assert two.carried + two.new == 150 and two.carried > two.new
    assert abs(sum(two.context.sizes().values()) - 150) <= 3


def test_without_usage_sizes_are_characters():
    (one,) = lens([_turn(1, FIRST)])
    assert one.context.tokens is None
    assert one.new == one.context.size == len(RULES) + len("Can I change my flight to London?")


def test_parts_have_their_origin():
    sent = [*LATER[:3], _message("user", f"Use this: {POLICY}"), {"role": "tool", "parts": [
        {"type": "tool_call_response", "id": "1", "response": {"ok": True}}]}]  # fmt: skip
    turn = _turn(2, sent, found=[Document("p", POLICY)], tools=(ToolDefinition("book", "Books."),))
    sizes = context_of(turn, [flat(POLICY)]).sizes()
    assert list(sizes) == ["system", "tools", "history", "retrieved", "results", "turn"]
    assert (sizes["system"], sizes["turn"]) == (len(RULES), len(f"Use this: {POLICY}") - len(POLICY))
    assert (sizes["retrieved"], sizes["results"] > 0, sizes["tools"] > 0) == (len(POLICY), True, True)


def test_a_document_is_followed_through_the_prompts():
    turns = [
        _turn(1, [_message("user", POLICY + PETS)], [Document("p", POLICY), Document("a", PETS)], "Hm."),
        _turn(2, [_message("user", json.dumps({"context": POLICY}))], (), "Basic economy flights cannot be modified."),
        _turn(3, [_message("user", POLICY[:60] + "…")], (), "Yes."),
        _turn(4, [_message("user", "bye")], (), "Bye."),
    ]
    states = [[holding.state for holding in seen.documents] for seen in lens(turns)]
    assert states == [["retrieved", "retrieved"], ["prompt", "dropped"], ["cut", "dropped"], ["dropped", "dropped"]]
    policy = lens(turns)[1].documents[0]
    assert turns[1].output.text[slice(*policy.places[0])] == "Basic economy flights cannot be modified"
    assert 0.3 < lens(turns)[2].documents[0].share < 1


def test_without_a_captured_prompt_a_document_stays_while_the_conversation_names_it():
    turns = [
        _turn(1, None, [Document("e:地坛", "地坛"), Document("e:天坛", "天坛")], "您可以去地坛。"),
        _turn(2, None, (), "不客气。", asked="谢谢"),
        _turn(3, None, (), "天坛是15元。", asked="天坛多少钱？"),
    ]
    seen = lens(turns)
    assert [[h.source.name for h in one.held] for one in seen] == [["地坛", "天坛"], ["地坛"], ["地坛", "天坛"]]
    assert seen[0].context is None and seen[0].carried is None


def test_words_inside_the_longer_name_of_another_document_are_not_a_documents_own():
    found = [Document("1", "地坛"), Document("2", "地坛公园银杏大道")]
    (seen,) = lens([_turn(1, None, found, "推荐地坛公园银杏大道。")])
    assert [bool(holding.places) for holding in seen.documents] == [False, True]


def test_the_same_document_found_again_is_one_row():
    found = [Document("1", "地坛")]
    seen = lens([_turn(1, None, found), _turn(2, None, found)])
    assert [len(one.documents) for one in seen] == [1, 1]
    assert seen[1].documents[0].source.since == 1
