"""Items of datasets: what is copied out of a conversation, and the conversation that an item tells again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.datasets import Dataset, Item, Version, as_conversation, item_of_session, item_of_turn
from convotrace.model import Conversation, Document, Payload, Score, Session, Span, Target, Trace

SAID = "role", "content"


def turn(number, asked, answered, scores=(), spans=(), **fields):
    return Trace(f"t{number}", "s", is_turn=True, turn=number, started_ns=number, input=Payload(asked),
                 output=Payload(answered), scores=tuple(scores), spans=tuple(spans), **fields)  # fmt: skip


def score(name, value, at=1, author=None):
    return Score(f"{name}{at}", name, "text", value, at, Target("s"), author=author)


def talk(*turns, scores=(), **fields):
    return Conversation(Session("s", "s", **fields), tuple(turns), (), tuple(scores))


def said(item):
    return [(message["role"], message["content"]) for message in item.messages]


def test_an_item_of_a_turn_is_what_was_said_before_it_with_answers_as_corrected():
    first = turn(1, "hi", "helo", [score("correction", "old", 1), score("correction", "hello", 2)])
    second = turn(2, "price?", "6", [score("correction", "5", 9, "ann"), score("ok", True, 2), score("ok", False, 3)])
    item = item_of_turn(talk(first, second, turn(3, "later", "x"), user_id="u", metadata={"a": 1}), second, 77)
    assert said(item) == [("user", "hi"), ("assistant", "hello"), ("user", "price?")]
    assert (item.output, item.expected, item.answer, item.author) == ("6", "5", "5", "ann")
    assert (item.scores, item.user_id, item.turn, item.metadata, item.added_ns) == ({"ok": False}, "u", 2, {"a": 1}, 77)
    assert (item.kind, item.input, item.taught[-1]) == ("turn", "price?", {"role": "assistant", "content": "5"})


def test_turns_that_were_replaced_and_requests_that_are_none_are_not_what_was_said():
    edited = turn(2, "hello", "yes", replaces="t1")
    folded = Trace("f", "s", started_ns=2, input=Payload("no turn"))
    third = turn(3, "next", None, user_id="ann")
    item = item_of_turn(talk(turn(1, "helo", "what?"), folded, edited, third, user_id="u"), third, 1)
    assert said(item) == [("user", "hello"), ("assistant", "yes"), ("user", "next")]
    assert (item.user_id, item.output, item.answer, item.taught) == ("ann", None, None, [])


def system(*parts, role="system", kind="generation", id="1"):
    return Span(id, "t1", "call", kind, input=[{"role": role, "parts": list(parts)}])


TEXT = {"type": "text", "content": "be kind"}


@pytest.mark.parametrize(
    ("spans", "prompt"),
    [
        ([system(TEXT)], [("system", "be kind")]),
        ([system(TEXT, {"type": "text", "content": "always"}, {"content": 5}, "x")], [("system", "be kind\nalways")]),
        ([system(TEXT), system({"type": "text", "content": "later"}, id="2")], [("system", "later")]),
        ([system(TEXT), system(TEXT, role="user", id="2")], [("system", "be kind")]),
        ([system()], []),
        ([system({"type": "text", "content": ""})], []),
        ([system(TEXT, kind="tool")], []),
        ([Span("1", "t1", "call", "generation", input="plain")], []),
        ([Span("1", "t1", "call", "generation", input=["plain", {"role": "system"}])], []),
    ],
)
def test_the_system_prompt_is_that_of_the_last_call_that_had_one(spans, prompt):
    asked = turn(1, None, "x", spans=spans)
    assert said(item_of_turn(talk(asked), asked, 1)) == prompt
    assert said(item_of_session(talk(asked), 1)) == prompt


def test_an_item_keeps_the_texts_of_documents_that_have_any():
    found = Span("1", "t1", "find", "retrieval", documents=(Document("d", "one"), Document("e"), Document(text="two")))
    asked = turn(1, "q", "a", spans=[found])
    assert item_of_turn(talk(asked), asked, 1).documents == ("one", "two")


def test_a_session_is_an_item_whose_last_answer_is_to_be_learned():
    item = item_of_session(
        talk(turn(1, "hi", "hello"), turn(2, None, "5", [score("correction", "6")]), user_id="u",
             scores=[score("ok", 2, 5), score("ok", 1, 3)]), 7,
    )  # fmt: skip
    assert said(item) == [("user", "hi"), ("assistant", "hello")]
    assert (item.kind, item.trace_id, item.turn, item.user_id) == ("session", None, None, "u")
    assert (item.expected, item.scores, item.author) == ("6", {"ok": 2}, None)


def test_a_correction_of_the_whole_session_counts_before_that_of_its_last_turn():
    last = turn(1, "hi", "x", [score("correction", "of the turn", 9)])
    item = item_of_session(talk(last, scores=[score("correction", "of all", 1, "ben"), score("ok", True)]), 7)
    assert (item.expected, item.author, item.scores) == ("of all", "ben", {"ok": True})


def test_where_nobody_said_anything_there_is_no_item():
    assert item_of_session(talk(Trace("f", "s")), 1) is None
    assert item_of_session(talk(), 1) is None


words = st.text("abc", min_size=1, max_size=3)
messages = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), words), max_size=8)


@given(messages, st.one_of(st.none(), words), st.one_of(st.none(), words), st.sampled_from([None, "t" * 32]))
def test_the_conversation_of_an_item_says_what_its_messages_say_in_their_order(told, output, expected, trace_id):
    item = Item("i", "s", trace_id, tuple(dict(zip(SAID, one, strict=True)) for one in told), output, expected)
    conversation = as_conversation(item)
    again = [
        one
        for turn in conversation.traces
        for one in (("user", turn.input.text), ("assistant", turn.output.text))
        if one[1] is not None
    ]
    assert again == [one for one in told if one[0] != "system"] + ([("assistant", output)] if output else [])
    last = conversation.traces[-1]
    assert (last.output.text, last.metadata.get("expected")) == (output, expected)
    assert [turn.turn for turn in conversation.traces] == list(range(1, len(conversation.traces) + 1))
    assert len({turn.id for turn in conversation.traces}) == len(conversation.traces) == conversation.session.turns
    assert trace_id in (None, last.id)


def test_documents_come_back_as_a_retrieval_of_the_last_turn():
    item = Item("i", "s", None, ({"role": "user", "content": "q"},), "a", documents=("one", "two"))
    (last,) = as_conversation(item).traces
    (span,) = last.spans
    assert (span.kind, [document.text for document in span.documents]) == ("retrieval", ["one", "two"])
    assert as_conversation(replace(item, documents=())).traces[-1].spans == ()


def test_a_dataset_tells_its_last_version_and_none_as_0():
    assert Dataset("d").version == 0
    told = Dataset("d", "about", (Version(1, 5), Version(2, 6, "more")), 3, True).facts()
    assert told == {"name": "d", "about": "about", "items": 3, "version": 2, "changed": True,
                    "versions": [{"version": 1, "note": ""}, {"version": 2, "note": "more"}]}  # fmt: skip


def test_an_item_as_json_says_all_that_it_holds():
    item = Item(
        "i", "s", "t", ({"role": "user", "content": "q"},), "a", "b", "u", 2, ("d",), {"ok": 1}, {"m": 2}, "ann"
    )
    assert item.facts() == {
        "id": "i", "kind": "turn", "session_id": "s", "trace_id": "t", "turn": 2, "input": "q",
        "messages": [{"role": "user", "content": "q"}], "output": "a", "expected": "b", "documents": ["d"],
        "scores": {"ok": 1}, "metadata": {"m": 2}, "author": "ann",
    }  # fmt: skip
    assert replace(item, messages=()).input is None
