"""The rows of the store, column by column, in the order in which they are written and read.

`schema` gives each column its type and each table its keys; a test holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple

KNOWN_TOTALS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano")
"""Totals of a trace and of a session that are None while nobody knows them."""


class SessionRow(NamedTuple):
    """One session; the lists are JSON."""

    sid: int
    id: str
    key: str
    born: int
    version: int
    id_source: str
    id_name: str | None
    user_id: str | None
    name: str | None
    environment: str | None
    release: str | None
    services: str | None
    tags: str | None
    metadata: str | None
    links: str | None
    clients: str | None
    started: int
    last: int
    last_turn: int | None
    ended: int | None
    outcome: str
    outcome_reason: str | None
    resolved: int | None
    turns: int
    traces: int
    spans: int
    errors: int
    events: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    first_input: str | None
    first_tk: int | None
    last_output: str | None
    last_tk: int | None
    judged: int
    facets: str | None
    marks: bytes | None
    verdict: str | None


class LabelRow(NamedTuple):
    """One thing that filters find a session by; `num` is a mean or a count, for the kinds that have one."""

    sid: int
    kind: int
    key: str
    num: float | None


class TraceRow(NamedTuple):
    """One trace with its share of the session's totals; bodies are packed values, the rest of the record is JSON.

    `work` is the document of what happened in it; `pressed` holds it and other long columns, where these are empty.
    """

    sid: int
    tk: int
    trace_id: bytes
    name: str
    is_turn: int
    replaces: str | None
    route: str | None
    status: str
    status_code: int | None
    worker: int | None
    started: int
    duration: int | None
    first_byte: int | None
    input_text: str | None
    output_text: str | None
    input_body: bytes | None
    output_body: bytes | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    errors: int
    spans: int
    events: int
    error_type: str | None
    service: str | None
    user_id: str | None
    id_source: str
    protocol: str
    client: str | None
    tags: str | None
    metadata: str | None
    extra: str | None
    said: int | None
    placed: int | None
    failures: str | None
    notes: str | None
    indexed: int
    environment: str | None
    release: str | None
    work: str | None
    pressed: bytes | None


class AwaitedRow(NamedTuple):
    """One name under which the answer of a turn may be fetched."""

    sid: int
    tk: int
    name: str


class SentRow(NamedTuple):
    """One trace that was forwarded: how many spans it had, and what of it went, eight bytes for each span and score."""

    sid: int
    tk: int
    target: str
    spans: int
    told: bytes


class EventRow(NamedTuple):
    """One event of a session that came from no trace."""

    sid: int
    at: int
    seq: int
    name: str
    level: str | None
    attributes: str | None


class ScoreRow(NamedTuple):
    """One score; `origin` is the key of the trace whose record brought it, None when it came from outside."""

    sid: int
    id: str
    origin: int | None
    trace_id: bytes | None
    span_id: str | None
    name: str
    type: str
    num: float | None
    value: str
    comment: str | None
    source: str
    author: str | None
    at: int
    seq: int
    extra: str | None


class ContentRow(NamedTuple):
    """One value or list that rows of its session refer to."""

    sid: int
    hash: bytes
    codec: int
    size: int
    body: bytes


class BucketRow(NamedTuple):
    """Sums of one group in one span of time; `writer` is 0 where they are folded, the times are sketches."""

    res: int
    kind: int
    at: int
    key: str
    writer: int
    number: int
    traces: int
    failed: int
    errors: int
    duration: int
    first_byte: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_nano: int | None
    durations: bytes | None
    first_bytes: bytes | None


class UncountedRow(NamedTuple):
    """Traces of one writer that no bucket holds: those from a row on, or what a deleted one was worth."""

    writer: int
    lost: int
    since: int
    at: int
    worth: bytes | None


class LeaseRow(NamedTuple):
    """Who holds a lease, and until when."""

    name: str
    holder: int
    until: int


class AuditRow(NamedTuple):
    """One thing that was done to the store; `detail` is JSON."""

    id: bytes
    at: int
    actor: str
    action: str
    target: str | None
    detail: str | None


class WorkerRow(NamedTuple):
    """One process that writes, or wrote, into this store."""

    id: int
    host: str
    pid: int
    started: int
    seen: int
    counters: str


class TaskRow(NamedTuple):
    """One item of an annotation queue."""

    sid: int
    id: str
    queue: str
    trace_id: bytes | None
    why: str
    at: int
    seq: int
    assignee: str | None


class ReviewRow(NamedTuple):
    """What one person did with an item of a queue."""

    sid: int
    task: str
    author: str | None
    state: str
    at: int
    took: int | None


class ItemRow(NamedTuple):
    """One item of a dataset, in the versions from `since` until before `until`; `body` is JSON."""

    id: str
    dataset: str
    since: int
    until: int | None
    session_id: str
    trace_id: bytes | None
    user_id: str | None
    author: str | None
    at: int
    body: str
