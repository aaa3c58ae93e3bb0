"""What can be done on the page, step by step: one table, gone through by keyboard alone and without scripts.

A step is what a person does (`go` to a link, button or fold, `type`, `choose`, `tick`), at what, and with what; `see`
is what stands there then, `at` what the address ends with. Copies to the clipboard and what is live need scripts: they
stand in the table of keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.page.furnished import FIRST, KEY, SECOND, TURN

Step = tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """One thing to do: from which page, by which steps, and how it is known to be done."""

    name: str
    path: str
    steps: tuple[Step, ...]
    at: str = ""
    see: str = ""
    downloads: str | None = None
    """How the name of the file ends that is handed out."""


def _task(name: str, path: str, *steps: Step, **done: Any) -> Task:
    return Task(name, path, steps, **done)


def go(where: str) -> Step:
    return ("go", where)


def fill(where: str, text: str) -> Step:
    return ("type", where, text)


def choose(where: str, text: str) -> Step:
    return ("choose", where, text)


def tick(where: str) -> Step:
    return ("tick", where)


S, DIFF = f"s/{KEY}", f"s/{KEY}/t/{SECOND}/diff"
LIST = [
    _task("skip what is above", "", go(".skip"), at="#main"),
    _task("filter", "", fill("[name=q]", "question 7"), go(".filter .btn"), at="q=question+7", see="question"),
    _task("find out what a filter takes", "", go("summary:text-is('Terms')"), see="a tag of the session"),
    _task("narrow by a facet", "", go(".facet:has-text('open')"), at="open"),
    _task("choose a time", "", go(".ranges a:has-text('7 d')"), at="since:7d|since%3A7d"),
    _task("sort", "", go("th a:has-text('Turns')"), at="order=-turns"),
    _task("see older sessions", "", go("a:has-text('Older sessions')"), see="Back to the first"),
    _task("open a session", "", go(f"[data-key='{KEY}']"), at=KEY, see="Turn 2"),
    _task("save a view", "", go("summary:text-is('Views')"), fill(".pop [name=name]", "Mine"), go("text=Save view"),
          see="Mine"),
    _task("use a view", "", go(".view"), at="q=errors%3E0"),
    _task("forget a view", "", go("summary:text-is('Views')"), go("button:has-text('Forget')"), see="Views"),
    _task("compare two sessions", "", tick(".pick >> nth=0"), tick(".pick >> nth=1"), go("text=Compare the chosen two"),
          see="Two sessions, turn by turn"),
    _task("take the list along", "", go("a:text-is('CSV')"), downloads=".csv"),
    _task("collect a list", "", go("a:text-is('Collect')"), see="Into a dataset"),
    _task("go to another page", "", go("nav.tabs a:has-text('Health')"), at="/health"),
]  # fmt: skip
SESSION = [
    _task("jump to a turn", S, go(".card >> nth=1"), at=f"#t{SECOND}"),
    _task("go to the first error", S, go(".pill.err"), at=f"#t{FIRST}"),
    _task("open a tool call", S, go("details.row.failed > summary"), see="All of this tool"),
    _task("see the log", S, go("summary:has-text('log line')"), see="info|error"),
    _task("find in the session", S, fill("[name=find]", "words"), ("press", "[name=find]", "Enter"), see="1 of"),
    _task("see cards", S, go("[data-zoom=u]"), at="zoom=cards&turn=1", see="answer only|call"),
    _task("see a waterfall", S, go("[data-zoom=w]"), at="zoom=waterfall&turn=1", see="Duration"),
    _task("open a turn closely", S, go(f"#t{FIRST} .th a.ib"), at=FIRST, see="This turn"),
    _task("see what changed", S, go(f"#t{SECOND} [data-diff]"), at="/diff", see="Context lens"),
    _task("take a turn as Markdown", S, go(f"#t{FIRST} .menu summary"), go(f"#t{FIRST} .menu a:has-text('Markdown')"),
          see="Words of a person|Markdown copied"),
    _task("take a session as a file", S, go(".title .menu summary"), go("a:text-is('HTML file')"), downloads=".html"),
    _task("add a score", S, go("#add > summary"), fill("#score-name", "helpful"), fill("#add [name=value]", "yes"),
          choose("#on", "turn 1"), go("text=Add score"), see="helpful"),
    _task("write a note", S, go("summary:has-text('Write a note')"),
          fill("details[open] textarea[name=value]", "Look here"),
          go("text=Keep it"), see="Look here"),
    _task("collect a session", S, go("#scores h2 a"), see="Into a dataset"),
    _task("delete a session", S, go("#delete > summary"), go("text=Delete for good"), see="Conversation"),
    _task("split a guess", "s/guess", go("text=Split here"), see="Turn 1"),
    _task("see later turns", "s/s0", go("a:text-is('Show later turns')"), see="Show earlier turns"),
]  # fmt: skip
TURN_TASKS = [
    _task("choose a span", TURN, go("#sp-3333333333333333"), at="span=3333333333333333#call", see="Arguments"),
    _task("dim what is not on the path", TURN, go(".sift a >> nth=0"), at="only=path"),
    _task("go to the next turn", TURN, go("a[rel=next]"), at=SECOND),
    _task("unfold the request", TURN, go("summary:text-is('Request')"), see="POST"),
    _task("read a part as text", TURN, go("summary:text-is('Message, raw')"), go("text=Message, raw as text"),
          see="Words of a person"),
    _task("read the earlier messages", f"{TURN}?span={'2' * 16}",
          go("details.m.folded summary >> nth=0"), see="called with"),
    _task("go back to the transcript", TURN, go("[data-up]"), at=f"#t{FIRST}", see="Turn 2"),
    _task("diff against another turn", DIFF, go(".title .seg a >> nth=0"), at=f"with={FIRST}"),
    _task("jump to what changed", DIFF, go(".dnav a >> nth=-1"), at="#d-answer"),
    _task("unfold what stayed", f"{DIFF}?with={SECOND}",
          go("details.same-lines > summary >> nth=0"), see="Words of a person"),
]  # fmt: skip
OTHERS = [
    _task("name two sessions to compare", "compare", fill("[name=s] >> nth=0", "s1"), fill("[name=s] >> nth=1", "s2"),
          go("button:text-is('Compare')"), see="Two sessions, turn by turn"),
    _task("swap the sides", f"compare?s=s1&s={KEY}", go("text=Swap sides"), at="s=s1"),
    _task("search what was said", "search", fill("[name=q]", "person"),
          go(".filter .btn"), at="q=person", see="Turn 1"),
    _task("open what was found", "search?q=person", go(".way >> nth=0"), see="Transcript"),
    _task("see another time", "dashboard", go(".ranges a:has-text('7 d')"), at="since=7d"),
    _task("name a time", "dashboard", go("#custom summary"), fill("#custom [name=since]", "36h"), go("#custom .btn"),
          at="since=36h&until=|since=36h"),
    _task("group the numbers", "dashboard", go(".by a:has-text('Tag')"), at="by=tag"),
    _task("read the numbers of a chart", "dashboard?since=30d", go("#n-turns summary"), see="From"),
    _task("see the sessions behind a number", "dashboard?since=30d", go(".figures a >> nth=0"), see="Conversation"),
    _task("draw a funnel", "flow?since=30d", fill("[name=steps]", "turn:1,turn:2"),
          go("#funnel .btn"), see="Of the first"),
    _task("see who left", "flow?since=30d&steps=turn:1,turn:2", go("#survival td a >> nth=0"), see="session"),
    _task("compare two arms", "arms", choose("[name=by]", "tag"), fill("[name=a]", "x"), fill("[name=b]", "y"),
          go("button:text-is('Compare')"), see="Verdict"),
    _task("ask for tools of a filter", "tools", fill("[name=q]", "has:error"), go(".filter .btn"), at="q=has%3Aerror"),
]  # fmt: skip
JUDGING = [
    _task("make a queue", "review", fill(".stack [name=name]", "bad-ones"), choose(".stack [name=on]", "sessions"),
          go("text=Make the queue"), see="bad-ones"),
    _task("add to a queue", "review", go("summary:text-is('More') >> nth=0"),
          fill(".pop [name=q] >> nth=0", "has:error"),
          go(".pop button:text-is('Add') >> nth=0"), see="review|Review"),
    _task("delete a queue", "review", go("summary:text-is('More') >> nth=0"),
          go("text=Delete the queue, keep its scores >> nth=0"), see="Queues"),
    _task("judge an item", "review/main?as=kim", tick("[name='score.n'] >> nth=3"), fill("[name=note]", "fine"),
          go("[name=do][value=save]"), see="1 of|0 of"),
    _task("skip an item", "review/main?as=kim", go("[name=do][value=skip]"), see="skipped|done"),
    _task("assign an item", "review/main?as=kim", go("[name=do][value=assign]"), see="for kim|Unassign"),
    _task("define a score", "scores", fill(".stack [name=name]", "tone"), choose(".stack [name=type]", "label"),
          fill("[name=labels]", "warm, cold"), go("text=Define the score"), see="tone"),
    _task("forget a score", "scores", go("button:text-is('Forget') >> nth=0"), see="Defined"),
    _task("make a dataset", "datasets", fill(".stack [name=name]", "mine"), fill(".stack [name=q]", "has:error"),
          go("text=Make the dataset"), see="Working copy"),
    _task("correct an item", "datasets/golden", go(".entry summary >> nth=0"),
          fill(".entry[open] textarea", "So it is."),
          go(".entry[open] [value=expect]"), see="Keep as version 2"),
    _task("keep a version", "datasets/mine2", fill("[name=note]", "first"), go("[value=commit]"), see="Version 1"),
    _task("read an old version", "datasets/golden", go("a:text-is('Version 1')"), at="version=1"),
    _task("take a dataset along", "datasets/golden", go(".hh .btn >> nth=0"), downloads=""),
    _task("delete a dataset", "datasets/golden", go("summary:text-is('Delete')"), go("text=Delete the dataset"),
          see="New dataset"),
    _task("add a session to a dataset", f"collect?session={KEY}", go("text=Add >> nth=0"), see="golden"),
    _task("try a rule", "incidents", go("a:text-is('7d') >> nth=0"), at="#test", see="Test of"),
    _task("pause a rule", "incidents", go("button:text-is('Pause') >> nth=0"), see="paused"),
    _task("open what an incident shows", "incidents", go(".hits li a >> nth=0"), see="Transcript|Nothing is stored"),
    _task("open what somebody looked at", "audit", go(".acts a >> nth=0"), see="Transcript"),
    _task("read the state as JSON", "health", go("text=JSON"), at="health.json"),
]  # fmt: skip
TASKS = [*LIST, *SESSION, *TURN_TASKS, *OTHERS, *JUDGING]
EMPTY = _task("send a test turn", "", go("text=Send a test turn"), see="Does this conversation arrive?")
FEW = ("filter", "open a session", "add a score", "open a tool call", "judge an item")
"""What the default run does; all of it takes minutes."""


def params(tasks: Iterable[Task]) -> list[Any]:
    """Return tasks as parameters of a test."""
    return [pytest.param(one, id=one.name, marks=() if one.name in FEW else pytest.mark.slow) for one in tasks]
