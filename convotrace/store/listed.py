"""A page of sessions as JSON, made from their rows without a record for each: the same as `as_json` of the page.

A list is asked for more often than anything else. What stands in a row as JSON stays as it is; a test holds both ways
together. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from convotrace.export.records import iso
from convotrace.insight.definitions import ScoreDefinition, tallied
from convotrace.model import Json
from convotrace.store.codec import decode_column, original
from convotrace.store.judgements import verdict_in
from convotrace.store.marks import shown
from convotrace.store.rows import SessionRow
from convotrace.store.signs import warnings_of

Definitions = Mapping[str, ScoreDefinition] | None


def session_json(row: SessionRow, definitions: Definitions = None) -> dict[str, Json]:
    """Return a session as `as_json` shows it, for `dump` alone: some of it is JSON that is made already.

    Args:
        row: Its row.
        definitions: Of scores, by which they pass; None for those that nobody asks for.
    """
    started, last = row.started, row.last
    p50_ms, first_byte_ms, strip = shown(row.marks, started)
    feedback, scores, counts = verdict_in(row.verdict)
    return {
        "id": original(row.id) or "", "key": row.key, "id_source": row.id_source, "id_name": original(row.id_name),
        "user_id": original(row.user_id), "name": original(row.name), "environment": original(row.environment),
        "release": original(row.release), "service": _stored(row.services, []), "tags": _stored(row.tags, []),
        "metadata": _stored(row.metadata, {}), "started_at": iso(started), "last_at": iso(last),
        "ended_at": None if row.ended is None else iso(row.ended), "outcome": row.outcome,
        "outcome_reason": original(row.outcome_reason),
        "resolved": None if row.resolved is None else bool(row.resolved), "turns": row.turns, "traces": row.traces,
        "spans": row.spans, "errors": row.errors, "events": row.events,
        "input_tokens": row.input_tokens, "output_tokens": row.output_tokens, "cached_tokens": row.cached_tokens,
        "cache_write_tokens": row.cache_write_tokens, "reasoning_tokens": row.reasoning_tokens,
        "cost": None if row.cost_nano is None else row.cost_nano / 1e9, "duration_ms": (last - started) / 1e6,
        "p50_ms": p50_ms, "first_byte_ms": first_byte_ms,
        "first_input": original(row.first_input), "last_output": original(row.last_output), "feedback": feedback,
        "scores": scores, "passes": tallied(definitions, counts) if definitions else {}, "links": _links(row.links),
        "attachments": [], "signals": [],
        "warnings": [{"code": one.code, "message": one.message} for one in warnings_of(row)], "strip": strip,
    }  # fmt: skip


def _stored(column: str | None, nothing: Json) -> Json:
    """Return a column of JSON as it stands; what begins with a blank is only slowly read."""
    if column is None:
        return nothing
    return decode_column(column) if column[:1] == " " else orjson.Fragment(column)


def _links(column: str | None) -> list[Any]:
    if column is None:
        return []
    return [{"session_id": one, "relation": relation} for one, relation in decode_column(column) or ()]
