"""The values of a span and of a turn under their names, each with its address; and that address, which holds all of it.

A page cuts what is very long and says so; a part has no limit and shows every unseen character as an escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from convotrace.export import dump
from convotrace.model import Json, Span, Trace
from convotrace.page.http import PageResponse, plain
from convotrace.page.tree import shown
from convotrace.page.values import parsed
from convotrace.page.visible import visible
from convotrace.page.visit import Unknown, Visit

_OPEN = frozenset({"query", "arguments", "input", "output", "result", "message", "answer"})
_ELSEWHERE = frozenset({"tools", "documents", "error"})
"""Values that the page shows in its own way."""
_WORDS = {
    "message": "Message, raw", "answer": "Answer, raw", "request_body": "Request body",
    "response_body": "Response body", "raw_input": "Raw input", "raw_output": "Raw output",
}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One value: what it is called, what of it is shown, whether it stands open, where all of it is."""

    label: str
    html: Markup
    is_open: bool
    href: str


def part(visit: Visit) -> PageResponse:
    """Return all of one value as plain text, unseen characters as escapes."""
    fields, (_, trace) = visit.request.fields(), visit.trace()
    values = of_trace(trace)
    if "span" in fields:
        span = next((one for one in trace.spans if one.id == fields["span"]), None)
        if span is None:
            raise Unknown
        values = of_span(span)
    value = values.get(fields.get("name", ""))
    if value is None:
        raise Unknown
    value = parsed(value)
    return plain(visible(value if isinstance(value, str) else dump(value, indented=True).decode()) + "\n")


def part_of(trace: Trace, name: str, span: Span | None = None) -> str:
    """Return the address of all of one value of a turn or of one of its spans, from the folder of the turn."""
    fields = {"began": str(trace.started_ns), **({"span": span.id} if span else {}), "name": name}
    return f"{trace.id}/part?{urlencode(fields, errors='replace')}"


def sections_of_span(trace: Trace, span: Span) -> list[Section]:
    """Return the values of a span; what was given and what came back stand open."""
    return list(_sections(trace, span, of_span(span), may_open=True))


def sections_of_trace(trace: Trace) -> list[Section]:
    """Return the exact texts and bodies of a turn."""
    return list(_sections(trace, None, of_trace(trace), may_open=not trace.spans))


def _sections(trace: Trace, span: Span | None, values: Mapping[str, Json], may_open: bool) -> Iterator[Section]:
    for name, value in values.items():
        if value is not None and name not in _ELSEWHERE:
            href = part_of(trace, name, span)
            label = _WORDS.get(name, name.capitalize())
            yield Section(label, shown(value, href), may_open and name in _OPEN, href)


def of_span(span: Span) -> dict[str, Json]:
    """Return what a span holds besides its messages, under the names of its parts."""
    is_call = span.kind == "generation"
    return {
        "query": span.query,
        "arguments": span.arguments,
        "input": None if is_call else span.input,
        "output": None if is_call else span.output,
        "result": span.result,
        "parameters": dict(span.parameters) or None,
        "attributes": dict(span.attributes) or None,
        "metadata": dict(span.metadata) or None,
        "raw_input": span.input if is_call else None,
        "raw_output": span.output if is_call else None,
        "tools": [asdict(tool) for tool in span.tools] or None if is_call else None,
        "documents": [_document(one) for one in map(asdict, span.documents)] or None,
        "error": f"{span.error.type}: {span.error.message}" if span.error else None,
        "stack": span.error.stack if span.error else None,
    }


def of_trace(trace: Trace) -> dict[str, Json]:
    """Return the texts, bodies and head of a request, under the names of its parts."""
    asked = trace.request
    return {
        "message": trace.input.text,
        "answer": trace.output.text,
        "request": None if asked is None else {
            "method": asked.method, "path": asked.path, "query": dict(asked.query), "headers": dict(asked.headers),
        },
        "request_body": trace.input.body,
        "response_body": trace.output.body,
        "metadata": dict(trace.metadata) or None,
        "error": f"{trace.error.type}: {trace.error.message}" if trace.error else None,
        "stack": trace.error.stack if trace.error else None,
    }  # fmt: skip


def _document(document: dict[str, Json]) -> dict[str, Json]:
    return {name: dict(value) if name == "metadata" else value for name, value in document.items() if value}
