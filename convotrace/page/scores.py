"""Adding a score to a session, a turn or a span: from a program as JSON, from the page's form as a form."""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

import orjson

from convotrace.errors import BadRequest
from convotrace.export import as_json
from convotrace.insight.definitions import ScoreDefinition
from convotrace.insight.queues import WRITTEN
from convotrace.model import Change, Conversation, Score, SessionFacts, Target, Trace
from convotrace.page.criteria import written
from convotrace.page.http import MAX_BODY, PageRequest, PageResponse, as_data, first_of_each, redirect, wrong
from convotrace.page.visit import Visit

_LIMITS = {"name": 100, "comment": 4000, "author": 200, "trace_id": 64, "span_id": 64}
_LONGEST_TEXT = 4000
_LONGEST_CATEGORY = 64
_NUMBER = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{1,15})?|\.[0-9]{1,15})")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def add(visit: Visit) -> PageResponse:
    """Store a score and return it, or lead back to the page where its form is."""
    around = visit.excerpt(1, None, 1, is_light=True).conversation
    is_form = visit.request.is_form
    if visit.request.exceeds(MAX_BODY):
        return wrong(f"The body is over {MAX_BODY // 1024} kB; send less.", 413, as_json=not is_form)
    fields = _form(visit.request.body) if is_form else _json(visit.request)
    score = _score(fields, _judged(visit, fields, around), visit.backend.store().score_definitions())
    if not _kept(visit, score):
        return wrong("The queue is full, so the score was not stored; send it again.", 503, as_json=not is_form)
    if is_form:
        return redirect(f"../{visit.parts['key']}#scores", 303)
    return as_data(as_json(score), 201)


def type_of(value: bool | float | str) -> str:
    """Return the type of a score by its value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "numeric"
    return "categorical" if len(value) <= _LONGEST_CATEGORY and "\n" not in value else "text"


def _judged(visit: Visit, fields: Mapping[str, Any], around: Conversation) -> Conversation:
    """Return as much of the session as holds what is judged: nobody waits until ten thousand turns are read."""
    trace_id, span_id, key = fields.get("trace_id"), fields.get("span_id"), visit.parts["key"]
    if isinstance(trace_id, str) and trace_id:
        excerpt = visit.backend.store().excerpt_by_key(key, trace_id=trace_id, count=1, is_light=True)
        return around if excerpt is None else excerpt.conversation
    return (visit.backend.store().session_by_key(key) or around) if span_id else around


def _kept(visit: Visit, score: Score) -> bool:
    facts = SessionFacts(score.target.session_id, scores=(score,))
    queued = visit.backend.put(Change(facts))
    visit.backend.drain()
    return queued


def _score(fields: Mapping[str, Any], conversation: Conversation, definitions: Mapping[str, ScoreDefinition]) -> Score:
    texts = {name: _text(fields, name) for name in _LIMITS}
    name = (texts["name"] or "").strip()
    if not name:
        raise BadRequest("name is missing; send a short text.")
    target = _target(conversation, texts["trace_id"], texts["span_id"])
    if name in WRITTEN:
        return written(name, fields.get("value"), target, texts["author"], time.time_ns())
    value, defined = _value(fields.get("value")), definitions.get(name)
    if defined is not None:
        value = defined.checked(value)
        _check_target(defined, target)
    return Score(
        secrets.token_hex(8), name, defined.type if defined else type_of(value), value, time.time_ns(), target,
        "annotator", texts["comment"], texts["author"], passed=defined.passed(value) if defined else None,
    )  # fmt: skip


def _check_target(defined: ScoreDefinition, target: Target) -> None:
    on = "span" if target.span_id else "turn" if target.trace_id else "session"
    if on != defined.on:
        needed = {"session": "leave out trace_id and span_id", "turn": "send its trace_id", "span": "send its span_id"}
        raise BadRequest(f"{defined.name} judges a {defined.on}, and this is a {on}; {needed[defined.on]}.")


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRequest(f"{name} came as {type(value).__name__}; send a text.")
    if len(value) > _LIMITS[name]:
        raise BadRequest(f"{name} has {len(value):,} characters; send at most {_LIMITS[name]:,}.")
    return value


def _value(value: Any) -> bool | float | str:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    if isinstance(value, str) and value:
        if len(value) > _LONGEST_TEXT:
            raise BadRequest(f"value has {len(value):,} characters; send at most {_LONGEST_TEXT:,}.")
        return value
    came = "nothing" if value is None or value == "" else type(value).__name__
    raise BadRequest(f"value came as {came}; send a number, true or false, or a text.")


def _target(conversation: Conversation, trace_id: str | None, span_id: str | None) -> Target:
    session_id = conversation.session.id
    if trace_id is not None and not any(trace.id == trace_id for trace in conversation.traces):
        raise BadRequest("trace_id is no trace of this session.")
    if span_id is None:
        return Target(session_id, trace_id)
    home = next((trace.id for trace in conversation.traces if _holds(trace, span_id, trace_id)), None)
    if home is None:
        raise BadRequest("span_id is no span of this " + ("trace." if trace_id else "session."))
    return Target(session_id, home, span_id)


def _holds(trace: Trace, span_id: str, trace_id: str | None) -> bool:
    return trace_id in (None, trace.id) and any(span.id == span_id for span in trace.spans)


def _json(request: PageRequest) -> Mapping[str, Any]:
    kind = request.header("content-type") or "nothing"
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise BadRequest(f"Content-Type came as {kind[:60]}; send application/json.")
    try:
        fields = orjson.loads(request.body)
    except ValueError:
        raise BadRequest("The body is no JSON; send an object with name and value.") from None
    if not isinstance(fields, dict):
        raise BadRequest("The body is no JSON object; send one with name and value.")
    return fields


def _form(body: bytes) -> Mapping[str, Any]:
    fields: dict[str, Any] = dict(first_of_each(body.decode("utf-8", "replace")))
    if fields.get("name", "").strip() not in WRITTEN:
        fields["value"] = _typed(fields.get("value", "").strip())
    return fields


def _typed(text: str) -> bool | float | str:
    """Return what a person typed: yes and no as booleans, digits as a number, else the text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
