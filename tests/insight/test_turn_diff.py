"""What changed from one turn to another: what was planted is what is told, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from convotrace.insight.turn_diff import turn_diff
from convotrace.model import Document, Payload, Span, ToolDefinition, Trace

SYSTEM = "\n".join(f"Rule {number}: be kind." for number in range(20))
TOOLS = tuple(ToolDefinition(name, f"Does {name}.", {"type": "object", "required": [name]}) for name in ("book", "pay"))
DOCUMENTS = (Document("d1", "Refunds take a week.", 0.8), Document("d2", "No pets.", 0.5))


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


MESSAGES = [
    _message("system", SYSTEM),
    _message("user", "Hello"),
    _message("assistant", "Yes?"),
    _message("user", "Go"),
]
CALL = Span(
    "1" * 16, "t", "chat", "generation", model="m-1", parameters={"temperature": 0.0}, tools=TOOLS, input=MESSAGES
)
FOUND = Span("2" * 16, "t", "kb", "retrieval", documents=DOCUMENTS)
TURN = Trace("a" * 32, "s", is_turn=True, turn=1, input=Payload("Go"), output=Payload("Done."), spans=(FOUND, CALL))


def _with(call=None, found=None, **fields) -> Trace:
    return replace(TURN, spans=(replace(FOUND, **(found or {})), replace(CALL, **(call or {}))), **fields)


def _changed(before: Trace, after: Trace) -> dict[str, list[tuple[str, str]]]:
    return {
        section.name: [(item.name, item.verdict) for item in section.items if item.verdict != "same"]
        for section in turn_diff(before, after)
        if section.verdict != "same"
    }


def _said(*messages) -> dict[str, object]:
    return {"input": list(messages)}


PLANTED = {
    "nothing": (TURN, {}),
    "system": (
        _with(_said(_message("system", SYSTEM.replace("Rule 7: be kind", "Rule 7: be curt")), *MESSAGES[1:])),
        {"system": [("", "changed")]},
    ),
    "no system": (_with(_said(*MESSAGES[1:])), {"system": [("", "removed")]}),
    "tool gone": (_with({"tools": TOOLS[:1]}), {"tools": [("pay", "removed")]}),
    "tool new": (_with({"tools": (*TOOLS, ToolDefinition("fly"))}), {"tools": [("fly", "added")]}),
    "tool described anew": (
        _with({"tools": (replace(TOOLS[0], description="Books."), TOOLS[1])}), {"tools": [("book", "changed")]}
    ),
    "tool schema": (
        _with({"tools": (replace(TOOLS[0], schema={"type": "object", "required": []}), TOOLS[1])}),
        {"tools": [("book", "changed")]},
    ),
    "names of a schema in another order": (
        _with({"tools": (replace(TOOLS[0], schema={"required": ["book"], "type": "object"}), TOOLS[1])}), {}
    ),
    "tools in another order": (_with({"tools": TOOLS[::-1]}), {}),
    "parameter": (_with({"parameters": {"temperature": 0.2}}), {"parameters": [("temperature", "changed")]}),
    "parameter new": (
        _with({"parameters": {"temperature": 0.0, "top_p": 1}}), {"parameters": [("top_p", "added")]}
    ),
    "model": (_with({"model": "m-2"}), {"parameters": [("model", "changed")]}),
    "message": (
        _with(_said(*MESSAGES[:3], _message("user", "Go now"))), {"prompt": [("user", "changed")]}
    ),
    "message new": (
        _with(_said(*MESSAGES, _message("tool", "ok"))), {"prompt": [("tool", "added")]}
    ),
    "history gone": (
        _with(_said(MESSAGES[0], MESSAGES[3])), {"prompt": [("user", "removed"), ("assistant", "removed")]}
    ),
    "document gone": (_with(found={"documents": DOCUMENTS[:1]}), {"retrieved": [("d2", "removed")]}),
    "document new": (
        _with(found={"documents": (*DOCUMENTS, Document("d3", "x"))}), {"retrieved": [("d3", "added")]}
    ),
    "document text": (
        _with(found={"documents": (replace(DOCUMENTS[0], text="Refunds take a day."), DOCUMENTS[1])}),
        {"retrieved": [("d1", "changed")]},
    ),
    "answer": (_with(output=Payload("Done!")), {"answer": [("", "changed")]}),
    "no answer": (_with(output=Payload(None)), {"answer": [("", "removed")]}),
}  # fmt: skip


@pytest.mark.parametrize(("after", "told"), PLANTED.values(), ids=PLANTED)
def test_a_planted_change_is_what_the_diff_tells_and_nothing_else(after, told):
    assert _changed(TURN, after) == told


def test_the_line_that_was_planted_is_the_one_that_is_marked():
    after = PLANTED["system"][0]
    (section,) = (one for one in turn_diff(TURN, after) if one.name == "system")
    marked = [(line.before, line.after, [p.text for p in line.pieces if p.is_changed])
              for line in section.items[0].lines if line.change != "same"]  # fmt: skip
    assert marked == [(8, None, ["kind"]), (None, 8, ["curt"])]


def test_without_a_captured_call_the_users_words_and_the_answers_are_compared():
    before, after = (replace(TURN, spans=(), input=Payload(text)) for text in ("Hello", "Goodbye"))
    assert _changed(before, after) == {"prompt": [("user", "changed")]}


def test_the_last_call_whose_prompt_was_captured_is_compared():
    later = replace(CALL, id="3" * 16, started_ns=9, input=None, model="m-9")
    assert _changed(TURN, replace(TURN, spans=(FOUND, CALL, later))) == {}
