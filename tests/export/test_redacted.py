"""A conversation without its words: no text of it is left anywhere, and what happened is."""

from dataclasses import fields, is_dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from convotrace.export import as_json, as_markdown, exactly, from_exact
from convotrace.export.redacted import without_words
from convotrace.model import (
    Attachment,
    Conversation,
    Document,
    Event,
    Failure,
    Payload,
    Request,
    Score,
    Session,
    Signal,
    Span,
    Target,
    ToolDefinition,
    Trace,
    Usage,
)

WORD = "Quetzalcoatl"


def talk(value):
    span = Span(
        "1" * 16, "a" * 32, "search", "tool", error=Failure("ValueError", WORD, WORD), input=value, output=value,
        arguments=value, result=value, query=value,
        documents=(Document("d", WORD, 0.5, WORD, f"http://{WORD}", {"a": value}),),
        metadata={"a": value}, attributes={"a": value}, tools=(ToolDefinition("t", WORD, {"a": value}),),
        events=(Event(WORD, 1, "info", {"a": value}), Event("handoff", 1, None, {"to": value})), usage=Usage(1, 2),
    )  # fmt: skip
    score = Score("x" * 32, "n", "text", WORD, 1, Target("s", "a" * 32), comment=WORD, reason=WORD)
    trace = Trace(
        "a" * 32, "s", "POST /chat", True, 1, input=Payload(WORD, value), output=Payload(WORD, value), resent=WORD,
        error=Failure("E", WORD, WORD), metadata={"a": value}, signals=(Signal("rephrased", WORD),), scores=(score,),
        request=Request("POST", "/chat", {"q": value}, {"h": WORD}), spans=(span,), answer_ids=(WORD,),
        attachments=(Attachment("f", WORD, "text/plain", 3, f"http://{WORD}", WORD.encode(), WORD),),
    )  # fmt: skip
    session = Session(
        "s", "s", first_input=WORD, last_output=WORD, metadata={"a": value}, name=WORD, outcome_reason=WORD
    )
    return Conversation(session, (trace,), (Event("x", 1, "error", {"a": value}),), (score,))


VALUES = st.recursive(
    st.just(WORD) | st.none() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner),
)


@settings(max_examples=40)
@given(VALUES)
def test_no_word_is_left_in_any_form(value):
    bare = without_words(talk(value))
    for shown in (str(as_json(bare)), as_markdown(bare), str(exactly(bare)), repr(bare)):
        assert WORD not in shown
    assert from_exact(Conversation, exactly(bare)) == bare


def test_what_happened_stays():
    whole, bare = talk([{"role": "user", "parts": [{"type": "text", "content": WORD}]}]), without_words(talk("x"))
    assert bare.traces[0].input.text == f"[{len(WORD)} characters]"
    assert [span.name for span in bare.traces[0].spans] == ["search"] and bare.traces[0].spans[0].usage == Usage(1, 2)
    parts = without_words(whole).traces[0].spans[0].input
    assert parts == [{"role": "user", "parts": [{"type": "text", "content": f"[{len(WORD)} characters]"}]}]
    assert bare.traces[0].error.type == "E" and all(is_dataclass(one) and fields(one) for one in bare.traces)
