"""The page of what changed: a planted change is shown and nothing else; the lens names documents and their words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from convotrace.insight.differences import compared
from convotrace.insight.turn_diff import Item
from convotrace.model import Conversation, Document, Payload, Session, Span, ToolDefinition, Trace, Usage
from convotrace.page.diff import UP_TO, runs

RULES = "\n".join(f"Rule {number}" for number in range(30))


def _trace(number: int, said: str = "Go home", rules: str = RULES, answer: str = "Done", **call) -> Trace:
    trace_id = f"{number:032x}"
    sent = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in (("system", rules), ("user", said))
    ]
    fields = {"model": "m", "parameters": {"temperature": 0}, "tools": (ToolDefinition("book", "Books."),), **call}
    span = Span(f"{number:016x}", trace_id, "chat", "generation", input=sent, usage=Usage(100 * number), **fields)
    return Trace(trace_id, "s", is_turn=True, turn=number, started_ns=number, spans=(span,),
                 input=Payload(said), output=Payload(answer))  # fmt: skip


@pytest.fixture
def diff(ask, new_house):
    """Return a way to see what changed up to the last of some turns."""

    def _diff(*turns: Trace, query: str = "", number: int | None = None):
        house = new_house([Conversation(Session("s", "s", turns=len(turns)), turns)])
        answer = ask(house, f"/s/s/t/{number or len(turns):032x}/diff", query=query)
        assert answer.status == 200
        return answer.body.decode()

    return _diff


def _changed(page: str) -> dict[str, list[str]]:
    """Return the changed words of a page by its section; of lines without marked words, the whole line."""
    sections = re.findall(r'<section id="d-(\w+)">(.*?)</section>', page, re.S)
    lines = r'<div class="dl (?:added|removed)">.*?<span class="text" dir="auto">(.*?)</span></div>'
    found = {name: [_words(line) for line in re.findall(lines, html, re.S)] for name, html in sections}
    found = {name: [word for words in many for word in words] for name, many in found.items()}
    return {name: words for name, words in found.items() if words}


def _words(line: str) -> list[str]:
    marked = re.findall(r"<(?:ins|del)>(.*?)</(?:ins|del)>", line)
    return marked or [line] * (" " not in line)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, {}),
        ({"rules": RULES.replace("Rule 7\n", "Rule 70\n")}, {"system": ["7", "70"]}),
        ({"tools": (ToolDefinition("book", "Books!"),)}, {"tools": [".", "!"]}),
        ({"parameters": {"temperature": 1}}, {"parameters": ["0", "1"]}),
        ({"said": "Go home now"}, {"prompt": [" now"]}),
        ({"answer": "Done it"}, {"answer": ["Done", " it"]}),
    ],
)
def test_a_planted_change_is_what_the_page_shows_and_nothing_else(diff, fields, told):
    assert _changed(diff(_trace(1), _trace(2, **fields))) == told


def test_what_changed_that_should_not_is_said_in_the_head(diff):
    page = diff(_trace(1), _trace(2, rules="Other", parameters={"temperature": 1}))
    assert "system message changed inside one session" in page
    assert "parameters changed" in page and "tools changed" not in page


def test_another_turn_can_be_compared_with(diff):
    turns = (_trace(1, "One"), _trace(2, "Two"), _trace(3, "One"))
    assert "prompt" in _changed(diff(*turns))
    assert _changed(diff(*turns, query=f"with={1:032x}")) == {}


def test_the_first_turn_has_nothing_before_it(diff):
    assert "Turn 1 is the first" in diff(_trace(1), _trace(2), number=1)


def test_what_is_no_turn_is_refused_in_a_sentence(ask, new_house, conversation):
    answer = ask(new_house([conversation]), f"/s/{conversation.session.key}/t/{'c' * 32}/diff")
    assert answer.status == 400 and b"compare two turns" in answer.body


def test_long_runs_of_the_same_are_folded_and_all_lines_are_there():
    lines = compared(RULES, RULES.replace("Rule 15", "Rule 0815"))
    found = runs(Item("", "changed", lines))
    assert [run.is_folded for run in found] == [True, False, True]
    assert sum((run.lines for run in found), ()) == lines


def test_of_what_is_wholly_new_the_first_lines_are_shown_and_the_rest_is_folded():
    long = Item("", "added", compared("", RULES))
    assert [(len(run.lines), run.is_folded) for run in runs(long)] == [(8, False), (22, True)]
    assert runs(long)[1].words == "22 lines more added"
    assert len(runs(Item("", "removed", compared("a\nb", "")))) == 1


def test_of_very_many_messages_the_rest_is_counted_and_a_link_away(diff):
    many = [{"role": "user", "parts": [{"type": "text", "content": f"say {n}"}]} for n in range(400)]
    before, after = _trace(1), _trace(2)
    long = replace(after, spans=(replace(after.spans[0], input=many),))
    assert f'250 more: <a href="../{2:032x}">the turn has all of them</a>' in diff(before, long)


def test_the_lens_tells_tokens_new_and_carried_over(diff):
    page = diff(_trace(1), _trace(2))
    assert page.count('<a class="lr"') == 2
    assert "<b>200</b> carried over" in page and "tokens shared out by characters" in page


def test_the_lens_names_what_entered_stayed_was_cut_and_dropped(diff):
    page = diff(_trace(1, "Please bring me home to London"), _trace(2, "Please bring me home…", rules="Other"))
    told = re.findall(r"</span>(\d+ parts? \w+) <", page)
    assert told == ["1 part entered", "1 part stayed", "1 part cut", "1 part dropped"]


def test_the_lens_reaches_back_some_turns_and_says_from_which_on(diff):
    page = diff(*(_trace(number) for number in range(1, 31)))
    assert page.count('<a class="lr"') == UP_TO
    assert f"from turn {31 - UP_TO} on" in page
    assert page.count("<span>Turn 1</span>") == 0 and "+100<" in page and f"+{100 * (31 - UP_TO):,}" not in page


def test_documents_are_followed_and_their_words_in_answers_are_marked(diff):
    found = Span(
        "f" * 16, f"{1:032x}", "kb", "retrieval", documents=(Document("d1", "地坛公园"), Document("d2", "天坛"))
    )
    turns = [replace(_trace(n, answer=text), spans=()) for n, text in ((1, "去地坛公园吧。"), (2, "地坛公园免费。"))]
    page = diff(replace(turns[0], spans=(found,)), turns[1])
    last = page[page.index("<b>Turn 2</b>") :]
    assert "1 in context, 1 gone" in last
    assert "<mark>地坛公园</mark>" in last and "first found in turn 1" in last


def test_a_prompt_that_was_not_captured_is_said(diff):
    page = diff(*(replace(_trace(number), spans=()) for number in (1, 2)))
    assert "No model call with its messages was captured in these turns" in page
    half = diff(_trace(1), replace(_trace(2), spans=()))
    assert half.count("no prompt was captured") == 1
