"""What changed from one turn to another, and the context lens over the turns up to it, as a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby

from convotrace.errors import BadRequest
from convotrace.insight.context import ORIGINS, Origin
from convotrace.insight.differences import Line
from convotrace.insight.lens import Holding, Seen, lens
from convotrace.insight.turn_diff import Item, Section, turn_diff
from convotrace.model import Excerpt, Trace
from convotrace.page.http import PageResponse
from convotrace.page.render import page as render
from convotrace.page.visit import Unknown, Visit

UP_TO = 12
"""Turns under the lens: those that lead up to the one that is looked at."""
_AGAINST = 5
_MOST_ITEMS = 150
"""Messages, tools or documents of one kind that are shown, changed and unchanged."""
_SHOWN_OF_NEW = 8
_AROUND = 3
"""Lines around a change that are shown; longer runs of the same are folded."""
_MANY_TOKENS = 3_000
"""A growth that is worth a look."""
NAMES = {
    "system": "system message", "tools": "tool definitions", "parameters": "parameters", "prompt": "messages",
    "retrieved": "documents found", "answer": "answer",
}  # fmt: skip
ORIGIN_WORDS: dict[Origin, str] = {
    "system": "system", "tools": "tool definitions", "history": "history", "retrieved": "documents",
    "results": "tool results", "turn": "this turn",
}  # fmt: skip
_ALARMS = {
    "system": "system message changed inside one session", "tools": "tools changed", "parameters": "parameters changed",
}  # fmt: skip
STATES = {
    "retrieved": "found in this turn", "prompt": "in the prompt", "said": "named in the conversation so far",
    "cut": "cut", "dropped": "no longer there",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Lines in a row: shown, or folded since nothing changed in them or they are very many."""

    lines: tuple[Line, ...]
    is_folded: bool

    @property
    def words(self) -> str:
        """Return what a fold says."""
        number = f"{len(self.lines):,} line" + ("" if len(self.lines) == 1 else "s")
        return f"{number} unchanged" if self.lines[0].change == "same" else f"{number} more {self.lines[0].change}"


@dataclass(frozen=True)
class Stack:
    """One row of the lens: the prompt of a turn as a bar of its origins, in percent of the largest prompt."""

    seen: Seen
    parts: tuple[tuple[Origin, float, float], ...]
    change: int | None

    @property
    def is_much(self) -> bool:
        """Tell whether it grew so that somebody should look."""
        return self.change is not None and self.change > _MANY_TOKENS


@dataclass(frozen=True)
class Told:
    """One document in a turn, with its words in the answer."""

    holding: Holding
    words: tuple[str, ...]


def page(visit: Visit) -> PageResponse:
    """Return what changed between a turn and an earlier one, the one before unless `with=` names another."""
    excerpt, after = visit.trace()
    if after.turn is None:
        raise BadRequest("This request is no turn; compare two turns.")
    number = after.turn
    first = max(1, number - UP_TO + 1)
    around = visit.reader().excerpt_by_key(visit.parts["key"], turn=first, count=number - first + 1)
    if around is None:
        raise Unknown
    turns = [trace for trace in around.conversation.traces if trace.turn and first <= trace.turn <= number]
    before = _before(visit, turns, after)
    sections = turn_diff(before, after) if before else ()
    seen = lens(turns)
    view = {**_head(excerpt, turns, before, after), **_diff(sections), **_lens(seen)}
    return render("diff.html", {**visit.frame("sessions"), "marks": True, "kinds": ("retrieval", "tool"), **view})


def _before(visit: Visit, turns: list[Trace], after: Trace) -> Trace | None:
    wanted = visit.request.fields().get("with")
    if not wanted:
        earlier = [trace for trace in turns if (trace.turn or 0) < (after.turn or 0)]
        return earlier[-1] if earlier else None
    found = next((trace for trace in turns if trace.id == wanted), None)
    if found is not None:
        return found
    excerpt = visit.reader().excerpt_by_key(visit.parts["key"], trace_id=wanted, count=1)
    traces = excerpt.conversation.traces if excerpt else ()
    found = next((trace for trace in traces if trace.id == wanted and trace.turn), None)
    if found is None:
        raise Unknown
    return found


def _head(excerpt: Excerpt, turns: list[Trace], before: Trace | None, after: Trace) -> dict[str, object]:
    others = [trace for trace in turns if trace.id != after.id][-_AGAINST:]
    if before is not None and all(before.id != trace.id for trace in others):
        others = [before, *others]
    return {"s": excerpt.conversation.session, "trace": after, "before": before, "others": others}


def _diff(sections: tuple[Section, ...]) -> dict[str, object]:
    return {
        "sections": sections,
        "names": NAMES,
        "alarms": [_ALARMS[one.name] for one in sections if one.name in _ALARMS and one.verdict != "same"],
        "runs": runs,
        "most": _MOST_ITEMS,
    }


def runs(item: Item) -> list[Run]:
    """Return the lines of an item in runs; where nothing changes for long, or all is new or gone, they are folded."""
    if item.verdict in ("added", "removed") and len(item.lines) > _SHOWN_OF_NEW + _AROUND:
        return [Run(item.lines[:_SHOWN_OF_NEW], False), Run(item.lines[_SHOWN_OF_NEW:], True)]
    near = {
        at + step for at, line in enumerate(item.lines) if line.change != "same"
        for step in range(-_AROUND, _AROUND + 1)
    }  # fmt: skip
    found = []
    for is_near, group in groupby(enumerate(item.lines), key=lambda one: one[0] in near):
        lines = tuple(line for _, line in group)
        found.append(Run(lines, not is_near and (len(lines) > _AROUND or not near)))
    return found


def _lens(seen: tuple[Seen, ...]) -> dict[str, object]:
    contexts = [one.context for one in seen if one.context is not None]
    by_tokens = bool(contexts) and all(context.tokens is not None for context in contexts)
    if not by_tokens:
        seen = tuple(_in_characters(one) for one in seen)
    return {
        "stacks": stacks(seen),
        "by_tokens": by_tokens,
        "since": seen[0].trace.turn if seen else 1,
        "is_told": bool(contexts),
        "origins": [(origin, ORIGIN_WORDS[origin]) for origin in ORIGINS],
        "origin_words": ORIGIN_WORDS,
        "now": seen[-1] if seen else None,
        "sizes": _sizes(seen[-1]) if seen else {},
        "documents": [(one, told(one)) for one in seen if one.documents],
        "states": STATES,
    }


def _sizes(one: Seen) -> dict[str, int]:
    """Return how much of a prompt entered, stayed and was cut, and how much of the one before is gone."""
    parts = {"entered": one.entered, "stayed": one.stayed, "cut": one.cut, "dropped": one.dropped}
    return {name: one.context.size_of(some) for name, some in parts.items()} if one.context else {}


def _in_characters(one: Seen) -> Seen:
    return one if one.context is None else replace(one, context=replace(one.context, tokens=None))


def stacks(seen: tuple[Seen, ...]) -> list[Stack]:
    """Return the rows of the lens; a turn whose prompt was not captured has an empty one."""
    most = max((one.context.size for one in seen if one.context), default=0) or 1
    found, size = [], None
    for one in seen:
        is_known = size is not None or one.trace.turn == 1
        change = one.context.size - (size or 0) if one.context and is_known else None
        found.append(Stack(one, tuple(_parts(one, most)), change))
        size = one.context.size if one.context else size
    return found


def _parts(one: Seen, most: int) -> list[tuple[Origin, float, float]]:
    x, found = 0.0, []
    for origin, size in (one.context.sizes() if one.context else {}).items():
        width = 100 * size / most
        if size:
            found.append((origin, round(x, 3), round(max(0.1, width - 0.12), 3)))
        x += width
    return found


def told(one: Seen) -> list[Told]:
    """Return the documents of a turn with their words in its answer, those that are gone last."""
    answer = one.trace.output.text or ""
    order = ["retrieved", "prompt", "cut", "said", "dropped"]
    held = sorted(one.documents, key=lambda holding: (not holding.places, order.index(holding.state)))
    return [Told(holding, tuple(answer[start:end] for start, end in holding.places)) for holding in held]
