"""What must not be stored goes wherever texts stand in records, and what holds none stays the same object."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import (
    Attachment,
    Change,
    Document,
    Event,
    Failure,
    Link,
    Payload,
    Request,
    Score,
    SessionFacts,
    Span,
    Target,
    ToolDefinition,
    Trace,
)
from convotrace.redaction import REDACTED, Mask, Redactor, fields, own
from convotrace.redaction.records import masked, masked_change, masked_later
from convotrace.redaction.urls import without_queries

MAIL, MARK = "ann@example.com", "[redacted: email]"
CLEAN = Change(SessionFacts("s", user_id="u-1"), Trace("t", "s", user_id="u-1", input=Payload("hello you")))
places = st.recursive(
    st.one_of(
        st.just(f"to {MAIL}"), st.text(max_size=8), st.integers(), st.none(), st.booleans(), st.floats(allow_nan=False)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=20,
)


def mask(**options):
    return Mask(["email"], **options)


def everywhere(text):
    """Return a change with one text in every place where a text can stand."""
    told = {"a": [text, {"deep": (text,)}], text: 1}
    event, score = Event(text, 1, None, told), Score("1", "s", "text", text, 1, Target("s"), comment=text, reason=text)
    span = Span(
        "1",
        "t",
        text,
        error=Failure("E", text, text),
        parameters=told,
        tools=(ToolDefinition("n", text, told),),
        input=told,
        output=text,
        arguments=told,
        result=text,
        query=text,
        documents=(Document("d", text, 1, text, text, told),),
        tags=(text,),
        metadata=told,
        attributes=told,
        events=(event,),
        scores=(score,),
    )
    trace = Trace(
        "t",
        "s",
        text,
        input=Payload(text, told),
        output=Payload(text, told),
        error=Failure("E", text),
        tags=(text,),
        metadata=told,
        request=Request("POST", text, told, {"x": text}),
        attachments=(Attachment("1", text, "x", 1, text),),
        spans=(span,),
        events=(event,),
        scores=(score,),
    )
    facts = SessionFacts(
        "s", name=text, tags=(text,), metadata=told, outcome_reason=text, events=(event,), scores=(score,)
    )
    return Change(facts, trace)


def test_no_place_of_a_change_is_passed_over():
    cleaned = masked_change(mask(), everywhere(f"write to {MAIL} now"))
    assert MAIL not in repr(cleaned) and cleaned == everywhere(f"write to {MARK} now")


def test_a_change_that_holds_nothing_is_returned_as_it_is():
    assert masked_change(mask(), CLEAN) is CLEAN
    assert masked(Mask(), {"a": MAIL}) == {"a": MAIL}
    value = {"a": ["x", 5, None, {"b": "long enough"}]}
    assert masked(mask(), value) is value


def test_ids_get_pseudonyms_and_links_and_earlier_names_go_along():
    change = Change(
        SessionFacts(MAIL, other_id=f"{MAIL}~1", user_id=MAIL, links=(Link(MAIL, "same"), Link("s", "x"))),
        Trace("t", MAIL, user_id=MAIL),
        written_as=MAIL,
    )
    cleaned = masked_change(mask(), change)
    session = cleaned.session
    assert MAIL not in repr(cleaned) and session.id.startswith("email_")
    assert (
        session.id == session.user_id == cleaned.trace.session_id == cleaned.written_as == session.links[0].session_id
    )
    assert session.other_id not in (None, session.id) and session.links[1] == Link("s", "x")


def test_a_user_of_the_trace_alone_is_named_alike_and_stands_in_no_text():
    change = Change(SessionFacts("s"), Trace("t", "s", user_id="ann-17", input=Payload("I am ann-17, not ann-170")))
    cleaned = masked_change(Mask(["user"]), change)
    user = cleaned.trace.user_id
    assert user.startswith("user_") and cleaned.session.user_id is None
    assert cleaned.trace.input.text == f"I am {user}, not ann-170"
    assert masked_change(Mask(["user"]), cleaned) == cleaned
    only = masked_change(Mask(["user"]), Change(SessionFacts("s", user_id="ann-17", name="ann-17's")))
    assert (only.trace, only.session.name) == (None, f"{user[:5]}{only.session.user_id[5:]}'s")


@pytest.mark.parametrize("user", ["ann", "a"])
def test_a_user_with_a_very_short_name_is_hidden_as_user_but_not_in_words(user):
    change = Change(SessionFacts("s", user_id=user), Trace("t", "s", user_id=user, input=Payload("ann and a")))
    cleaned = masked_change(Mask(["user"]), change)
    assert cleaned.session.user_id.startswith("user_") and cleaned.trace.input.text == "ann and a"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (["ann@exam", "ple.com"], False),
        ("data: ann@exam\n\ndata: ple.com", False),
        ('\ufeff{"a":"ann@exam"}\n{"a":"ple.com"}', False),
        ({"reply": "harmless"}, True),
        ("a plain text", True),
        (None, True),
    ],
)
def test_the_pieces_of_a_stream_go_where_its_whole_held_something(body, kept):
    change = Change(SessionFacts("s"), Trace("t", "s", output=Payload(MAIL, body)))
    told = masked_change(mask(), change).trace.output
    assert told == Payload(MARK, body if kept else "[redacted: what was sent in pieces]")
    fine = Change(SessionFacts("s", name=MAIL), Trace("t", "s", output=Payload("fine", body)))
    assert masked_change(mask(), fine).trace.output.body == body


def test_the_pieces_of_a_stream_go_where_a_span_held_the_whole():
    span = Span("1", "t", "call", output=f"to {MAIL}")
    change = Change(SessionFacts("s"), Trace("t", "s", output=Payload(None, ["ann@exam", "ple.com"]), spans=(span,)))
    assert masked_change(mask(), change).trace.output.body == "[redacted: what was sent in pieces]"


def test_fields_and_long_numbers_are_looked_at_in_any_depth():
    looks = Mask(["card"], fields=["iban", "born"])
    told = {"Iban": {"a": 1}, "born": None, "x": [{"n": 4111111111111111, "m": 10**12, "b": True}]}
    assert masked(looks, told) == {
        "Iban": "[redacted: field]",
        "born": None,
        "x": [{"n": "[redacted: card]", "m": 10**12, "b": True}],
    }
    assert masked_change(
        Mask(["card"]), Change(SessionFacts("s", metadata={"n": 4111111111111111}))
    ).session.metadata == {"n": "[redacted: card]"}


def later(found, **more):
    return Change(SessionFacts("s", name=MAIL), decide=lambda lookup: found, **more)


def test_what_the_store_decides_is_cleaned_when_it_is_decided():
    assert masked_later(mask(), Change(SessionFacts("s", name=MAIL))).session.name == MARK
    change = masked_later(mask(), later(Change(SessionFacts("s", name=f"by {MAIL}"))))
    assert change.decide(None).session.name == f"by {MARK}" and change.unites is None
    assert masked_later(mask(), later(None)).decide(None) is None


def test_what_earlier_changes_become_together_is_cleaned_too():
    joined = masked_later(
        mask(), later(None, unites=lambda earlier: Change(SessionFacts("s", name=f"{MAIL} {earlier}")))
    )
    assert joined.unites([1]).session.name == f"{MARK} [1]"


def test_behind_very_many_places_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(own, "thread_time_ns", lambda: 0)  # whatever it costs on this machine
    told = Mask([re.compile("x")]).text("x" * 5_001)
    assert told == "[redacted: own]" * 5_000 + "[redacted: the rest of this text]"


def test_a_pattern_named_like_a_preset_does_not_pass_for_it():
    assert Mask([re.compile("(?P<email>abcde)")]).text("abcde") == "[redacted: own]"


def test_a_function_that_leaves_a_text_or_says_nothing_of_it_changes_nothing():
    told = Mask([lambda text: None, lambda text: text])
    assert told.text("as it was") == "as it was" and not told.counts


def test_what_ends_a_process_passes_through_a_function_of_the_owners():
    def stop(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Mask([stop]).text("anything")


class Sub(str):
    """A text of the owner's own class."""


def test_a_text_of_another_class_is_stored_as_a_plain_one():
    assert type(Mask([lambda text: Sub("clean")]).text("dirty")) is str


def test_memory_of_names_and_ids_does_not_grow_for_ever():
    users, ids = Mask(["user"]), Mask(["email"])
    for number in range(2_100):
        assert users.without_user(f"it is user{number}", f"user{number}").startswith("it is user_")
        assert ids.id(f"s{number}") == ids.id(f"s{number}") == f"s{number}"
    assert len(users._names) <= 1_001 and len(ids._clean_ids) <= 2_000
    assert users.without_user("nobody", "ann-17") == "nobody"


def test_a_text_that_is_only_compared_is_not_counted():
    told = mask()
    assert told.uncounted(f"to {MAIL}") == f"to {MARK}" and not told.counts
    assert told.text(f"to {MAIL}") and told.counts == {"email": 1}


@given(st.lists(places, min_size=1, max_size=6))
def test_what_was_looked_through_before_changes_nothing_of_what_is_found(values):
    """A mask remembers names of fields; one that is new must find the same."""
    warm = mask()
    for value in [{"name": "plain", "deeper": {"note": 1}}, *values]:
        change = Change(SessionFacts("s", metadata={"name": value, "deeper": {"note": value}}))
        assert masked_change(warm, change) == masked_change(mask(), change)


def test_a_name_that_is_known_hides_nothing_that_stands_under_it_and_one_that_holds_something_is_never_known():
    told = mask()
    for value, kept in [("plain words", "plain words"), (MAIL, MARK), ("plain words", "plain words")]:
        change = Change(SessionFacts("s", metadata={"writer": value, "seen": {"writer": value}}))
        assert masked_change(told, change).session.metadata == {"writer": kept, "seen": {"writer": kept}}
    for _ in range(2):
        found = masked_change(told, Change(SessionFacts("s", metadata={MAIL: 1}))).session.metadata
        assert found == {MARK: 1} and MAIL not in told.harmless and "writer" in told.harmless


def test_memory_of_names_of_fields_does_not_grow_for_ever():
    told, redactor = mask(), Redactor()
    for number in range(9_000):
        value = {f"field{number}": "plain", "x" * 70: "plain"}
        assert masked_change(told, Change(SessionFacts("s", metadata=value))).session.metadata == value
        assert redactor.clean({**value, f"secret{number}": "kept", f"a{number}_secret": "c4n4ry"}) == {
            **value, f"secret{number}": "kept", f"a{number}_secret": REDACTED,
        }  # fmt: skip
    assert len(told.harmless) <= 4_001 and "x" * 70 not in told.harmless and len(fields._HARMLESS) <= 4_099


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Ann%40Example.com", "ann@example.com"),
        ("card", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("iban", "gb29 nwbk 6016", "GB29NWBK6016"),
        ("phone", "+49 30 1234", "+49-30-1234"),
    ],
)
def test_what_is_written_otherwise_has_the_same_pseudonym(kind, one, other):
    told = Mask(key=b"k")
    assert told.pseudonym(kind, one) == told.pseudonym(kind, other) != Mask(key=b"l").pseudonym(kind, one)
    assert told.pseudonym("user", "Ann") != told.pseudonym("user", "ann")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://a.example/x?token=t0p#t0p", "https://a.example/x?[redacted]"),
        ("https://a.example/x#t0p", "https://a.example/x"),
        ("https://a.example/x?", "https://a.example/x"),
        ("https://a.example/x", "https://a.example/x"),
        ("", ""),
    ],
)
def test_no_header_keeps_the_query_of_an_address(address, kept):
    assert without_queries({"referer": address, "x-forwarded-uri": address, "accept": "a?b"}) == {
        "referer": kept,
        "x-forwarded-uri": kept,
        "accept": "a?b",
    }


@given(places, st.booleans())
def test_no_address_survives_in_any_json_and_cleaning_twice_is_cleaning_once(value, pseudonyms):
    told = mask(pseudonyms=pseudonyms)
    cleaned = masked(told, value)
    assert MAIL not in repr(cleaned) and masked(told, cleaned) == cleaned
    change = Change(SessionFacts("s", metadata={"v": value}))
    assert masked_change(told, change).session.metadata == {"v": cleaned}
    assert dataclasses.replace(change).session.metadata == {"v": value}


def test_a_mask_that_looks_for_nothing_is_idle_and_any_that_does_is_not():
    assert Mask().is_idle and Mask(None).is_idle
    assert not any(one.is_idle for one in (Mask("email"), Mask(["user"]), Mask([len]), Mask([], fields=["a"])))
