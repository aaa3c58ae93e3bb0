"""The context lens: what the model had before it in each turn, and what became of it in the next.

Parts of a prompt enter, stay, are cut or dropped; documents stay in it or leave, and their words come back in answers.
What one prompt consists of is told by `context.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from convotrace.insight.context import Context, Part, context_of, flat
from convotrace.insight.returning import Place, is_name, returning
from convotrace.model import Document, Trace

State = Literal["retrieved", "prompt", "said", "cut", "dropped"]
"""A document in a turn: found by it, in its prompt, named in the conversation so far, in part in its prompt, gone."""
_SHORTEST_CUT = 20
_MOST_PAIRS = 250_000
"""Parts that came times parts that went, up to which it is asked whether one is what is left of another."""


@dataclass(frozen=True)
class Source:
    """A document that any of the turns retrieved: its name, what it says, and the turn that found it first."""

    name: str
    text: str
    since: int
    flat: str
    """Its text, else its name, as `context.flat` returns it: each prompt is asked whether it holds that."""


@dataclass(frozen=True)
class Holding:
    """One document in one turn: `share` of its text that the prompt holds, and where its words stand in the answer."""

    source: Source
    state: State
    share: float
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Seen:
    """One turn under the lens. Sizes are in tokens where the turn's usage is known, in characters else."""

    trace: Trace
    context: Context | None
    entered: tuple[Part, ...] = ()
    stayed: tuple[Part, ...] = ()
    cut: tuple[Part, ...] = ()
    dropped: tuple[Part, ...] = ()
    documents: tuple[Holding, ...] = ()

    @property
    def held(self) -> tuple[Holding, ...]:
        """Return the documents that were still there from an earlier turn, or came now."""
        return tuple(one for one in self.documents if one.state != "dropped")

    @property
    def carried(self) -> int | None:
        """Return how much of the prompt came from the turn before, None where no prompt was captured."""
        return None if self.context is None else self.context.size_of((*self.stayed, *self.cut))

    @property
    def new(self) -> int | None:
        """Return how much of the prompt was new, None where no prompt was captured."""
        return None if self.context is None else self.context.size - (self.carried or 0)


def lens(turns: Sequence[Trace]) -> tuple[Seen, ...]:
    """Return what each turn had before it and what became of it.

    Args:
        turns: Turns of one session in order; what came before the first of them is not known.
    """
    sources = _sources(turns)
    said: set[int] = set()
    seen: list[Seen] = []
    before: Context | None = None
    for trace in turns:
        context = context_of(trace, [source.flat for source in sources if source.since <= _number(trace)])
        seen.append(_seen(trace, before, context, sources, said))
        before = context or before
    return tuple(seen)


def _seen(trace: Trace, before: Context | None, context: Context | None, sources: list[Source], said: set[int]) -> Seen:
    documents = _holdings(trace, context, sources, said)
    if context is None or before is None:
        return Seen(trace, context, entered=context.parts if context else (), documents=documents)
    entered, stayed, cut, dropped = _compared(before.parts, context.parts)
    return Seen(trace, context, entered, stayed, cut, dropped, documents)


Four = tuple[tuple[Part, ...], tuple[Part, ...], tuple[Part, ...], tuple[Part, ...]]


def _compared(before: Sequence[Part], after: Sequence[Part]) -> Four:
    """Return the parts that entered, stayed and were cut, and those of before that are gone."""
    left = Counter(part.key for part in before)
    entered, stayed, cut = [], [], []
    for part in after:
        if left[part.key] > 0:
            left[part.key] -= 1
            stayed.append(part)
        else:
            entered.append(part)
    gone = [part for part in before if _take(left, part)]
    for part in list(entered) if len(entered) * len(gone) <= _MOST_PAIRS else ():
        whole = next((one for one in gone if _is_cut_of(part, one)), None)
        if whole is not None:
            gone.remove(whole)
            entered.remove(part)
            cut.append(part)
    return tuple(entered), tuple(stayed), tuple(cut), tuple(gone)


def _take(left: Counter[tuple[str, str]], part: Part) -> bool:
    if left[part.key] <= 0:
        return False
    left[part.key] -= 1
    return True


def _is_cut_of(part: Part, whole: Part) -> bool:
    text = part.text.strip().rstrip(".… \n")
    if part.role != whole.role or not _SHORTEST_CUT <= len(text) < len(whole.text):
        return False
    return whole.text.lstrip().startswith(text) or whole.text.rstrip().endswith(part.text.strip().lstrip("….\n "))


def _sources(turns: Sequence[Trace]) -> list[Source]:
    found: dict[tuple[str, str], Source] = {}
    for trace in turns:
        for span in trace.spans:
            for document in span.documents:
                key = key_of(document)
                if any(key) and key not in found:
                    name, text = key
                    found[key] = Source(name, text, _number(trace), flat(text or name))
    return list(found.values())


def key_of(document: Document) -> tuple[str, str]:
    """Return by what a document is known again: its name, and what it says."""
    text = document.text or ""
    name = document.title or (text.strip() if text and is_name(text) else "") or document.id or text.strip()[:60]
    return name, text


def _number(trace: Trace) -> int:
    return trace.turn or 0


def _holdings(trace: Trace, context: Context | None, sources: list[Source], said: set[int]) -> tuple[Holding, ...]:
    """Return each document that was found until now; `said` are those named in the conversation, and grows."""
    found = {key_of(document) for span in trace.spans for document in span.documents}
    asked, answer = trace.input.text or "", trace.output.text or ""
    known = [(at, source) for at, source in enumerate(sources) if source.since <= _number(trace)]
    places = _places([source for _, source in known], answer)
    holdings = []
    for (at, source), own in zip(known, places, strict=True):
        if asked and _stands_in(source, asked):
            said.add(at)
        is_found = (source.name, source.text) in found
        state, share = _state(source, at, is_found, context, said)
        holdings.append(Holding(source, state, share, own))
        if own:
            said.add(at)
    return tuple(holdings)


def _state(source: Source, at: int, is_found: bool, context: Context | None, said: set[int]) -> tuple[State, float]:
    share = 0.0 if context is None else context.share_of(source.flat)
    if is_found:
        return "retrieved", share
    if share >= 1:
        return "prompt", 1.0
    if share > 0:
        return "cut", share
    # Without a captured prompt the conversation so far is what a model can have been told.
    return ("said" if context is None and at in said else "dropped"), 0.0


def _stands_in(source: Source, text: str) -> bool:
    return bool(_of(source, text))


def _of(source: Source, text: str) -> tuple[Place, ...]:
    return returning(source.text, text) or (returning(source.name, text) if is_name(source.name) else ())


def _places(sources: list[Source], answer: str) -> list[tuple[Place, ...]]:
    """Return where the words of each document stand in an answer, but for what a longer run of another covers."""
    found = [_of(source, answer) if answer else () for source in sources]
    every = {place for places in found for place in places}
    return [tuple(place for place in places if not _is_inside(place, every)) for places in found]


def _is_inside(place: Place, others: set[Place]) -> bool:
    start, end = place
    return any(a <= start and end <= b and b - a > end - start for a, b in others)
