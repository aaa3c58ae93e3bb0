"""What an open trace takes and what not: its limits, what it knows of itself, and that a closed one takes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.recorder import OpenAttachment, OpenSpan, OpenTrace
from convotrace.recorder.attached import MAX_ATTACHED, MAX_ATTACHMENT, MAX_ATTACHMENTS
from convotrace.recorder.open import MAX_BYTES, MAX_EVENTS
from convotrace.recorder.parts import OpenEvent, OpenScore

CUT = "[cut: the trace is too large]"


@pytest.fixture
def trace():
    return OpenTrace(None, 0)


def event(name="x"):
    return OpenEvent(name, 5, None, {})


def test_events_over_the_limit_are_counted_wherever_they_stand(trace):
    span = OpenSpan(trace, None, "x", "tool", 0)
    trace.note(event())
    span.note(event("first"))
    span.note(event("second"))
    trace.events_noted = MAX_EVENTS
    trace.note(event())
    span.note(event())
    assert (len(trace.events), [one.name for one in span.events]) == (1, ["first", "second"])
    assert trace.metadata == {"events_over_limit": 2}


def test_scores_of_a_span_are_all_kept(trace):
    span = OpenSpan(trace, None, "x", "tool", 0)
    scores = [OpenScore("a", True, 1, {}), OpenScore("b", False, 2, {})]
    for score in scores:
        span.judge(score)
    assert span.scores == scores


def test_files_over_the_limit_are_counted(trace, bench):
    for _ in range(MAX_ATTACHMENTS + 2):
        trace.attach(OpenAttachment(name="a"))
    assert (len(trace.attachments), trace.attachments_over) == (MAX_ATTACHMENTS, 2)
    whole = bench.exchange({"message": "hi"})
    whole.attachments_over, whole.spans_over = 2, 0
    assert bench.record(whole).metadata == {"attachments_over_limit": 2}


def test_the_bytes_of_files_are_kept_up_to_the_limit_of_one_and_of_all(trace):
    def filled(data, size=None):
        file = OpenAttachment(path="/somewhere")
        trace.fill(file, data, len(data) if size is None else size)
        return file

    small = filled(b"abc")
    assert (small.data, small.size, small.left_out, small.path, trace.attached) == (b"abc", 3, None, None, 3)
    assert filled(b"x", MAX_ATTACHMENT + 1).left_out == "size"
    assert filled(b"abc", 5).left_out == "size"
    trace.attached = MAX_ATTACHED - 2
    late = filled(b"abc")
    assert (late.data, late.head, late.left_out, trace.attached) == (None, b"abc", "size", MAX_ATTACHED - 2)


@pytest.mark.parametrize(("value", "kept"), [("x" * 199, True), ("x" * 200, False), (5, True), (1.5, True),
                                             ([1], False), (None, False), (True, True)])  # fmt: skip
def test_a_full_trace_keeps_numbers_and_short_texts_and_marks_the_rest(trace, value, kept):
    trace.weight = MAX_BYTES
    assert trace.keep("a") == "a"
    assert trace.keep(value) == (value if kept else CUT)
    values = {"v": value}
    trace.keep_each(values)
    assert values["v"] == (value if kept or value is None else CUT)


def test_what_is_kept_weighs_and_a_copy_is_not_the_callers(trace):
    given = [["a"]]
    copy = trace.keep(given)
    given[0].append("b")
    assert copy == [["a"]] and trace.weight > 0
    before = trace.weight
    values = {"a": "xyz", "b": 10**30, "c": [1, [2]], "d": None}
    trace.keep_each(values)
    assert values == {"a": "xyz", "b": str(10**30), "c": [1, [2]], "d": None} and trace.weight > before


def mark(trace, what):
    changes = {
        "a span": lambda: trace.add(OpenSpan(trace, None, "x", "tool", 0)),
        "an event": lambda: trace.note(event()),
        "a score": lambda: trace.scores.append(OpenScore("a", True, 1, {})),
        "a tag": lambda: trace.tags.append("a"),
        "metadata": lambda: trace.metadata.update(a=1),
        "a user": lambda: setattr(trace, "user_id", "ann"),
        "a name": lambda: setattr(trace, "name", "x"),
        "a status": lambda: trace.respond(200, "", False),
        "an input": lambda: setattr(trace, "input_text", ""),
        "no output": lambda: setattr(trace, "output_text", None),
        "something said of the session": lambda: trace.session.tags.append("x"),
    }
    changes[what]()


@pytest.mark.parametrize(
    "what",
    ["a span", "an event", "a score", "a tag", "metadata", "a user", "a name", "a status", "an input", "no output",
     "something said of the session"],
)  # fmt: skip
def test_a_trace_is_blank_until_anything_is_known_of_it(trace, what):
    assert trace.blank
    mark(trace, what)
    assert not trace.blank


def test_a_span_around_a_message_that_passes_is_no_work(trace):
    for name, origin in (("POST /x http receive", "otel"), ("POST /x http send", "otel")):
        trace.add(OpenSpan(trace, None, name, "internal", 0, origin))
    assert trace.blank
    trace.add(OpenSpan(trace, None, "my own send", "internal", 0))
    assert not trace.blank


def test_a_trace_is_judged_by_a_score_of_its_own_or_of_its_session(trace):
    assert not trace.is_judged
    trace.tags.append("x")
    assert trace.session.scores == [] and not trace.is_judged
    trace.session.scores.append(OpenScore("a", True, 1, {}))
    assert trace.is_judged
    other = OpenTrace(None, 0)
    other.scores.append(OpenScore("a", True, 1, {}))
    assert other.is_judged


def test_words_are_kept_only_where_they_may_be_and_that_is_known(trace):
    assert trace.keeps_content
    trace.undecided = True
    assert not trace.keeps_content
    trace.undecided, trace.content = False, False
    assert not trace.keeps_content


def test_a_closed_trace_holds_nothing_and_takes_nothing(trace):
    trace.read(b"abc", 10)
    trace.note(event())
    trace.add(OpenSpan(trace, None, "x", "tool", 0))
    trace.late = trace.identify = lambda trace: None
    trace.close()
    assert trace.closed and trace.late is None and trace.identify is None
    assert (trace.request_chunks, trace.spans, trace.noted("events")) == ([], [], ())
    trace.add(OpenSpan(trace, None, "y", "tool", 0))
    trace.note(event())
    assert (trace.spans, trace.spans_over, trace.events, trace.keep("x" * 500)) == ([], 1, [], CUT)


def test_a_name_that_is_no_note_is_no_attribute(trace):
    assert trace.noted("tags") == () and trace.tags == [] and trace.noted("tags") == []
    with pytest.raises(AttributeError, match="tag"):
        _ = trace.tag


sizes = st.lists(st.tuples(st.sampled_from(["read", "keep", "span", "event"]), st.integers(0, 500)), max_size=20)


@given(sizes)
def test_a_trace_never_weighs_less_than_what_it_was_told(told):
    trace, least = OpenTrace(None, 0), 0
    for what, size in told:
        if what == "read":
            trace.read(b"x" * size, 10_000)
        elif what == "keep":
            trace.keep("x" * size)
        elif what == "span":
            trace.add(OpenSpan(trace, None, "x", "tool", 0))
        else:
            trace.note(event())
        least += size if what in ("read", "keep") else 0
    assert trace.size() >= least
