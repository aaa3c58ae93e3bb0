"""A conversation without its words: what happened, when and at what cost stays, each text says only how long it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convotrace.model import (
    Attachment,
    Conversation,
    Cut,
    Document,
    Event,
    Failure,
    Json,
    Payload,
    Request,
    Score,
    Session,
    Span,
    ToolDefinition,
    Trace,
)

_WORDLESS = ("input", "output", "arguments", "result", "query")


def without_words(it: Conversation) -> Conversation:
    """Return a conversation in which nothing stands that people, models or tools said.

    Ids, names of tools, models and routes, times, counts, costs, outcomes and the values of scores stay.
    """
    return replace(
        it, session=_session(it.session), traces=tuple(map(_trace, it.traces)), events=tuple(map(_event, it.events)),
        scores=tuple(map(_score, it.scores)),
    )  # fmt: skip


def _said(text: str | None) -> str | None:
    if not text:
        return text
    return f"[{len(text):,} character{'' if len(text) == 1 else 's'}]"


def _value(value: Json) -> Json:
    """Return a value whose form is kept and whose texts are not, but for what says who speaks and in which part."""
    if isinstance(value, str):
        return _said(value)
    if isinstance(value, Mapping):
        return {str(name): item if _is_form(name, item) else _value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    return value if isinstance(value, bool) or value is None else "[number]"


def _is_form(name: Any, item: Json) -> bool:
    return name in ("role", "type") and isinstance(item, str) and len(item) < 40


def _session(it: Session) -> Session:
    return replace(
        it, first_input=_said(it.first_input), last_output=_said(it.last_output), metadata=_value(it.metadata),
        name=_said(it.name), attachments=tuple(map(_file, it.attachments)), outcome_reason=_said(it.outcome_reason),
        signals=tuple(replace(one, why=one.name.replace("_", " ")) for one in it.signals), warnings=(),
    )  # fmt: skip


def _trace(it: Trace) -> Trace:
    return replace(
        it, input=Payload(_said(it.input.text)), output=Payload(_said(it.output.text)), error=_failure(it.error),
        metadata=_value(it.metadata), request=_request(it.request), cut=Cut(), resent=None, answer_ids=(),
        signals=tuple(replace(one, why=one.name.replace("_", " ")) for one in it.signals),
        attachments=tuple(map(_file, it.attachments)), spans=tuple(map(_span, it.spans)),
        events=tuple(map(_event, it.events)), scores=tuple(map(_score, it.scores)),
    )  # fmt: skip


def _span(it: Span) -> Span:
    return replace(
        it, **{name: _value(getattr(it, name)) for name in _WORDLESS}, error=_failure(it.error),
        documents=tuple(map(_document, it.documents)), metadata=_value(it.metadata), attributes={},
        tools=tuple(ToolDefinition(tool.name) for tool in it.tools), events=tuple(map(_event, it.events)),
        scores=tuple(map(_score, it.scores)),
    )  # fmt: skip


def _document(it: Document) -> Document:
    return Document(it.id, _said(it.text), it.score, _said(it.title))


def _event(it: Event) -> Event:
    # A log line is named by what it says; a moment has a name that the app gave.
    return replace(it, name=_said(it.name) or "" if it.level else it.name, attributes={})


def _score(it: Score) -> Score:
    value = _said(it.value) or "" if it.type == "text" and isinstance(it.value, str) else it.value
    return replace(it, value=value, comment=_said(it.comment), reason=_said(it.reason))


def _failure(it: Failure | None) -> Failure | None:
    return None if it is None else Failure(it.type, _said(it.message) or "")


def _request(it: Request | None) -> Request | None:
    return None if it is None else Request(it.method, it.path, client=it.client)


def _file(it: Attachment) -> Attachment:
    return replace(it, name=_said(it.name) or "", url=None, data=None, hash=None, left_out=it.left_out or "content")
