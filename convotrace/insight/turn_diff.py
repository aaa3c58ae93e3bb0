"""What changed from one turn to another, told by what the last model call of each was sent and what came of it.

Sections in a fixed order, each with its lines; what both have alike is there too and is marked as the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from convotrace.insight.differences import Budget, Line, blocks, compared, is_same
from convotrace.insight.prompts import Message, Part, as_text, last_call, sent_to
from convotrace.model import Document, Span, ToolDefinition, Trace

SectionName = Literal["system", "tools", "parameters", "prompt", "retrieved", "answer"]
Verdict = Literal["same", "added", "removed", "changed"]


@dataclass(frozen=True)
class Item:
    """One thing of a section under its name: a message, a tool, a parameter, a document."""

    name: str
    verdict: Verdict
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Section:
    """One side of a turn, compared: its items in order."""

    name: SectionName
    items: tuple[Item, ...]

    @property
    def verdict(self) -> Verdict:
        """Return what happened to it as a whole."""
        verdicts = {item.verdict for item in self.items}
        return verdicts.pop() if len(verdicts) == 1 else "changed" if verdicts else "same"

    @property
    def changes(self) -> int:
        """Return how many of its items are not the same."""
        return sum(item.verdict != "same" for item in self.items)


def turn_diff(before: Trace, after: Trace) -> tuple[Section, ...]:
    """Return what changed between two turns.

    Args:
        before: The earlier turn.
        after: The later turn.
    """
    old, new, budget = last_call(before), last_call(after), Budget()
    sections = (
        Section("system", tuple(_texts(_system(old), _system(new), budget))),
        Section("tools", tuple(_named(_tools(old), _tools(new), budget))),
        Section("parameters", tuple(_named(_parameters(old), _parameters(new), budget))),
        Section("prompt", tuple(_messages(_prompt(old, before), _prompt(new, after), budget))),
        Section("retrieved", tuple(_named(_documents(before), _documents(after), budget))),
        Section("answer", tuple(_texts(_answer(before), _answer(after), budget))),
    )
    return tuple(section for section in sections if section.items)


def _texts(old: str | None, new: str | None, budget: Budget) -> Iterator[Item]:
    if old is not None or new is not None:
        yield _item("", old, new, budget)


def _item(name: str, old: str | None, new: str | None, budget: Budget) -> Item:
    lines = compared(old or "", new or "", budget)
    if old is None or new is None:
        return Item(name, "added" if old is None else "removed", lines)
    return Item(name, "same" if is_same(lines) else "changed", lines)


def _named(old: Mapping[str, str], new: Mapping[str, str], budget: Budget) -> Iterator[Item]:
    for name in dict.fromkeys([*old, *new]):
        yield _item(name, old.get(name), new.get(name), budget)


def _system(call: Span | None) -> str | None:
    said = [part.content for message in sent_to(call).system for part in message.parts] if call else []
    return "\n".join(said) if said else None


def _tools(call: Span | None) -> dict[str, str]:
    return _unlike((tool.name, _tool(tool)) for tool in (call.tools if call else ()))


def _tool(tool: ToolDefinition) -> str:
    schema = [] if tool.schema is None else [as_text(tool.schema)]
    return "\n".join([tool.description or "", *schema])


def _parameters(call: Span | None) -> dict[str, str]:
    if call is None:
        return {}
    own = {"model": call.model, "provider": call.provider}
    told = {name: value for name, value in own.items() if value is not None} | dict(call.parameters)
    return {str(name): as_text(value) for name, value in told.items()}


def _prompt(call: Span | None, trace: Trace) -> list[Message]:
    """Return what the call was sent besides the system message; where none was captured, what the user said."""
    if call is not None and call.input is not None:
        sent = sent_to(call)
        return [*sent.history, *sent.fresh]
    text = trace.input.text
    return [] if text is None else [Message("user", (Part("text", text),))]


def _messages(old: list[Message], new: list[Message], budget: Budget) -> Iterator[Item]:
    """Yield messages, those that both have once; one in the place of another of its role is its new version."""
    left, right = ([(one.role, _said(one)) for one in side] for side in (old, new))
    for tag, i, j, k, n in blocks(left, right):
        if tag == "equal":
            yield from (Item(role, "same", compared(text, text)) for role, text in left[i:j])
        else:
            yield from _exchanged(left[i:j], right[k:n], budget)


def _exchanged(gone: list[tuple[str, str]], come: list[tuple[str, str]], budget: Budget) -> Iterator[Item]:
    while gone and come and gone[0][0] == come[0][0]:
        yield _item(gone[0][0], gone.pop(0)[1], come.pop(0)[1], budget)
    yield from (_item(role, text, None, budget) for role, text in gone)
    yield from (_item(role, None, text, budget) for role, text in come)


def _said(message: Message) -> str:
    return "\n".join(part.content for part in message.parts)


def _documents(trace: Trace) -> dict[str, str]:
    found = (document for span in trace.spans for document in span.documents)
    return _unlike((_label(document), _document(document)) for document in found)


def _label(document: Document) -> str:
    return document.title or document.id or (document.text or "").strip().partition("\n")[0][:80] or "document"


def _document(document: Document) -> str:
    score = [] if document.score is None else [f"score {document.score:g}"]
    return "\n".join([*score, document.text or ""])


def _answer(trace: Trace) -> str | None:
    return trace.output.text


def _unlike(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return things by name, with a number behind a name that comes again with another content."""
    found: dict[str, str] = {}
    for name, text in named:
        place, number = name, 1
        while place in found and found[place] != text:
            number += 1
            place = f"{name} ({number})"
        found[place] = text
    return found
