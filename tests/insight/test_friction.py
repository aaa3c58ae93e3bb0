"""Signs of friction on the turns of one session, and how well they tell of conversations that went wrong."""

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.friction import EXPERIMENTAL, SIGNALS, with_signals
from convotrace.insight.outcome import after_silence, ending, told_by
from convotrace.insight.words import likeness, words
from convotrace.model import Document, Failure, Left, Payload, Span, Trace

SECOND = 1_000_000_000
SILENCE = 1800 * SECOND


def turn(number, asked="a question", answered="an answer", spans=(), at=None, **fields):
    at = 10 * number if at is None else at
    started = {"started_ns": at * SECOND, "duration_ns": SECOND}
    texts = {"input": Payload(asked), "output": Payload(answered)}
    return Trace(f"t{number}", "s", is_turn=True, turn=number, spans=tuple(spans), **started | texts | fields)


def tool(id, name="look_up", arguments=None, error=None):
    failed = {} if error is None else {"status": "error", "error": Failure("ToolError", error)}
    return Span(id, "t", name, "tool", arguments=arguments, **failed)


def signs(*turns):
    """Return what each turn is a sign of, by id."""
    return {one.id: [signal.name for signal in one.signals] for one in with_signals(turns, SILENCE) if one.signals}


def why(*turns):
    return [signal.why for one in with_signals(turns, SILENCE) for signal in one.signals]


def test_a_conversation_without_friction_has_no_sign():
    first = turn(1, "Where is my order 4711?", "It left our house this morning.", [tool("a", arguments={"id": 4711})])
    second = turn(2, "And when does it come to me?", "Tomorrow before noon.", [tool("b", arguments={"id": 4712})])
    assert signs(first, second) == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I want to cancel my flight to Paris", "I want to cancel my flight to Paris!!"),
        ("Necesito cancelar mi reservación", "necesito CANCELAR mi reservacion, por favor"),
        ("帮我找一个故宫附近的酒店", "帮我找故宫附近的酒店吧"),
    ],
)
def test_what_is_said_again_in_nearly_the_same_words_is_rephrased(before, after):
    assert signs(turn(1, before, "a"), turn(2, "something else", "b"), turn(3, after, "c")) == {"t3": ["rephrased"]}
    assert why(turn(1, before, "a"), turn(2, after, "b")) == ["The user said nearly the same in turn 1."]


@pytest.mark.parametrize("text", ["yes", "ok thanks", "", None])
def test_short_messages_are_said_again_without_meaning_anything(text):
    assert signs(turn(1, text, "a"), turn(2, text, "b")) == {}


def test_a_retry_a_double_submit_and_a_new_version_are_not_rephrased_too():
    from convotrace.insight.versions import with_versions

    failed = turn(1, "cancel my whole order", None, status="error")
    assert signs(*with_versions([failed, turn(2, "cancel my whole order", "done")])) == {"t2": ["retry"]}
    quick = turn(2, "cancel my whole order", None, at=11)
    assert signs(*with_versions([turn(1, "cancel my whole order", None), quick])) == {"t2": ["double_submit"]}


def test_an_answer_given_twice_and_a_new_version_of_one_are_told_apart():
    answer = "Please tell me the number of your order."
    assert signs(turn(1, "a b c", answer), turn(2, "d e f", answer)) == {"t2": ["repeated_answer"]}
    assert signs(turn(1, "a b c", answer), turn(2, "a b c", answer, replaces="t1")) == {"t1": ["regenerated"]}


def test_a_call_with_the_same_arguments_is_told_with_its_span_whatever_the_order_of_the_keys():
    first, again = tool("a", arguments={"x": 1, "y": [2]}), tool("b", arguments={"y": [2], "x": 1})
    (found,) = with_signals([turn(1, spans=[first, again])], SILENCE)
    assert [(s.name, s.span_id) for s in found.signals] == [("repeated_call", "b")]
    assert signs(turn(1, spans=[first]), turn(2, "other words", "b", [replace(again, name="other")])) == {}


def test_a_tool_that_fails_as_it_failed_before_is_told_once_for_each_time():
    calls = [tool(str(i), arguments=i, error="no such order") for i in range(3)]
    assert signs(turn(1, spans=calls)) == {"t1": ["same_failure", "same_failure"]}
    assert signs(turn(1, spans=[calls[0], tool("x", arguments=9, error="busy")])) == {}


def test_a_retrieval_without_documents_is_a_sign_and_one_that_failed_is_an_error():
    nothing = Span("a", "t", "search", "retrieval")
    assert signs(turn(1, spans=[nothing])) == {"t1": ["empty_retrieval"]}
    assert signs(turn(1, spans=[replace(nothing, status="error")])) == {}
    assert signs(turn(1, spans=[replace(nothing, documents=(Document("d"),))])) == {}


def test_a_client_that_left_and_a_long_silence_are_told_in_words():
    left = turn(1, left=Left(600, SECOND, 3, 0.6), status="disconnected")
    assert why(left) == ["The client left after 60% of the answer."]
    assert why(turn(1, "one", at=0), turn(2, "two", "b", at=7201)) == ["120 minutes passed before this message."]
    assert signs(turn(1, "one", at=0), turn(2, "two", "b", at=1800)) == {}


def test_other_requests_have_no_signs():
    assert signs(replace(turn(1, left=Left(1, 1, 1)), is_turn=False)) == {}


@given(st.text(), st.text())
def test_likeness_is_a_measure_from_nothing_to_all(one, other):
    a, b = frozenset(words(one)), frozenset(words(other))
    assert 0 <= likeness(a, b) == likeness(b, a) <= 1
    assert not a or likeness(a, a) == 1


@given(st.lists(st.text("aBz c'’_-.1ÄéÉก\n\t\0", max_size=12), max_size=3).map(" ".join))
def test_plain_texts_have_the_words_that_any_text_has(text):
    # A character beyond ASCII makes a text take the way of all texts; this one is a word of its own.
    assert [*words(text), "中"] == words(f"{text} 中")


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=3, max_size=6).map(" ".join), min_size=2, max_size=60))
def test_what_is_like_an_earlier_message_is_found_among_the_latest_twenty(asked):
    turns = [turn(number, text, None) for number, text in enumerate(asked)]
    for number, told in enumerate(with_signals(turns, SILENCE)):
        said = frozenset(words(asked[number]))
        before = [n for n in range(number) if len(frozenset(words(asked[n]))) > 2][-20:]
        alike = [n for n in before if likeness(said, frozenset(words(asked[n]))) >= 0.6] if len(said) > 2 else []
        found = [f"The user said nearly the same in turn {n}." for n in alike[-1:]]
        assert [one.why for one in told.signals] == found


# How well the signs tell, on conversations that others judged

ENDS = ("ends abandoned", "ends failed", "ends escalated")
FEWEST = 5
"""A sign seen in fewer conversations of a file than this says nothing about it there."""


def _turns(source):
    for number, one in enumerate(source["turns"], 1):
        yield turn(number, one["user"], one["assistant"], [_span(*step) for step in enumerate(one["steps"])])


def _span(position, step):
    error = {"status": "error", "error": Failure("Error", str(step["error"]))} if step.get("error") else {}
    documents = tuple(Document(d["document_id"]) for d in step["output"]) if step["kind"] == "retrieval" else ()
    return Span(str(position), "t", step["name"], step["kind"], arguments=step["input"], documents=documents, **error)


def _went_wrong(source):
    outcome = source.get("outcome") or {}
    if "success" in outcome:
        return not outcome["success"]
    asked = ("appropriateness", "completeness")
    ratings = [float(x["value"]) for t in source["turns"] for x in t.get("feedback", ()) if x["name"] in asked]
    return statistics.mean(ratings) < 3 if ratings else None


def _ended(source):
    """Return how a conversation ended by facts alone, with one declared tool and a silence after it."""
    turns = [*_turns(source)]
    if any(told_by(one, (), {"transfer_to_human_agents"}) for one in turns):
        return "escalated"
    ended = after_silence(ending(turns[-1]), 0, SILENCE + 1, SILENCE)
    return None if ended is None else ended.outcome


@pytest.fixture(scope="module")
def judged(data):
    """What each sign marks, and what went wrong, by file; conversations that nobody judged are left out."""
    found = {}
    for name in ("tau_airline", "tau2_en", "tau2_es", "tm3_tickets", "mtrag_eval"):
        lines = (data / "conversations" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        sources = [source for source in map(json.loads, lines) if _went_wrong(source) is not None]
        marks = [{s.name for t in with_signals([*_turns(source)], SILENCE) for s in t.signals} for source in sources]
        half = statistics.median(len(source["turns"]) for source in sources)
        for source, mark in zip(sources, marks, strict=True):
            mark |= {"longer than half"} if len(source["turns"]) > half else set()
            mark |= {f"ends {told}"} if (told := _ended(source)) else set()
            mark |= {"error in the last turn"} if any(s.get("error") for s in source["turns"][-1]["steps"]) else set()
        found[name] = list(zip(marks, map(_went_wrong, sources), strict=True))
    return found


def _measured(cases, sign):
    """Return in how many cases a sign was seen, its precision and its recall."""
    seen = sum(sign in marks for marks, _ in cases)
    hits = sum(sign in marks and wrong for marks, wrong in cases)
    return seen, hits / seen if seen else 0.0, hits / max(sum(wrong for _, wrong in cases), 1)


@pytest.mark.data
def test_each_sign_tells_of_failure_better_than_the_length_of_the_conversation(judged):
    """Prints precision and recall for each file; the lengths that the files call long are the baseline."""
    better = {}
    for name, cases in judged.items():
        share = sum(wrong for _, wrong in cases) / len(cases)
        print(f"\n{name}: {len(cases)} conversations, {share:.2f} of them went wrong")
        baselines = {sign: _measured(cases, sign) for sign in ("longer than half", "error in the last turn")}
        for sign in (*baselines, *SIGNALS):
            seen, precision, recall = _measured(cases, sign)
            print(f"  {sign:24} {seen:4} seen  precision {precision:.2f}  recall {recall:.2f}") if seen else None
            if sign in SIGNALS and seen >= FEWEST:
                better.setdefault(sign, []).append(precision > baselines["longer than half"][1])
    assert set(better) | EXPERIMENTAL == set(SIGNALS)
    assert all(all(each) for each in better.values()), better


@pytest.mark.data
def test_the_table_of_the_documentation_is_what_is_measured(judged):
    """Rows are printed as they belong into `docs/friction.md`."""
    rows = []
    for name, cases in judged.items():
        share = sum(wrong for _, wrong in cases) / len(cases)
        rows.append(f"| **{name}** | {len(cases)} | {share:.2f} | went wrong |")
        for sign in ("longer than half", "error in the last turn", *SIGNALS, *ENDS):
            seen, precision, recall = _measured(cases, sign)
            rows += [f"| {sign} | {seen} | {precision:.2f} | {recall:.2f} |"] if seen else []
    print("\n".join(rows))
    told = (Path(__file__).parents[2] / "docs" / "friction.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in told if line in rows] == rows
