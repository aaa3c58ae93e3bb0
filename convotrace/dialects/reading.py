"""One span of any library → what it says, in the fields of our records. Table-driven: the names stand in `table`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from convotrace.dialects import events as told_events
from convotrace.dialects import table
from convotrace.dialects.contents import Contents, kept, text_documents
from convotrace.dialects.kinds import kind_by_name, kind_of
from convotrace.dialects.messages import as_documents, as_nano, as_usage
from convotrace.dialects.names import Attributes, told
from convotrace.dialects.scores import Judgement, judgements
from convotrace.dialects.sessions import Said, said_in_words, span_metadata, trace_metadata, trace_tags
from convotrace.dialects.shapes import Shape, says_of_trace
from convotrace.dialects.values import as_count, as_moment, as_number, as_object, first_word, loaded
from convotrace.dialects.vendor_usage import vendor_usage
from convotrace.model import Event, Json, Usage
from convotrace.quick import record

_COUNTED = frozenset({"generation", "embedding", "reranker"})
_CALLED = frozenset({*_COUNTED, "agent"})
_ASGI_MESSAGES = (" http send", " http receive", " websocket send", " websocket receive")
_DETAILS = "gen_ai.client.inference.operation.details"
_VECTOR_EVENTS = ("db.query.result.", "db.search.result.")


@record(frozen=True, slots=True)
class Reading:
    """What a span says.

    Attributes:
        kind: One of our span kinds.
        fields: Fields of `model.Span` that it says something about, in the record's final form.
        attributes: The raw attributes, without the messages that `fields` hold whole and without vectors.
        events: The events; a message that `fields` hold stands in them by its place.
        session: The session's id with the name that held it and its rank, None where it names none.
        judgements: Scores, before the ids of what they judge are known.
        hidden: A duplicate of a span that is still running, or one of many for each message of a server.
        http: method, route, path and status_code, as far as they are there.
    """

    kind: str
    fields: Mapping[str, Any]
    attributes: Mapping[str, Json]
    events: tuple[Event, ...] = ()
    session: Said | None = None
    user_id: str | None = None
    session_name: str | None = None
    trace_name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    judgements: tuple[Judgement, ...] = ()
    hidden: bool = False
    http: Mapping[str, Any] = field(default_factory=dict)


def read(
    name: str,
    attributes: Mapping[str, Json],
    events: Sequence[Event] = (),
    scope: str | None = None,
    started_ns: int | None = None,
) -> Reading:
    """Return what a span says; nothing it carries can make this raise.

    Unknown stays unknown: a count that was not sent is None, never 0. Tokens are read from model calls alone, as the
    spans around them repeat their children's.

    Args:
        name: The span's name.
        attributes: JSON values; structures may be JSON written as text, numbers too.
        events: Its events in order; log records that belong to it count as events.
        scope: Name of the library that made it.
        started_ns: When it began, for the time to the first token.
    """
    events = tuple([told_events.opened(event) for event in events]) if events else ()
    attributes = Attributes(_with_details(attributes, events) if events else attributes)
    shape = told(attributes, Shape, None)
    kind = kind_of(name, attributes) if shape.tells_kind else kind_by_name(name)
    if events and kind == "internal":
        kind = _kind_by_events(events)
    contents = Contents(kind, attributes)
    if shape.holds_contents:
        contents.read()
    fields = {**contents.fields, **_scalars(kind, attributes, shape, events, started_ns)}
    noted = told_events.told(events, fields.get("input"), fields.get("output")) if events else told_events.NONE
    if noted.input and "input" not in fields:
        fields["input"] = noted.input
    if noted.output and "output" not in fields:
        fields["output"] = noted.output
    if "finish_reason" not in fields and (reason := _reason(fields.get("output"))):
        fields["finish_reason"] = reason
    return Reading(
        kind=kind,
        fields=fields,
        attributes=kept(attributes, contents, shape.vectors),
        events=noted.events,
        hidden=_is_hidden(name, attributes, shape, scope),
        http=table.HTTP_FACTS.read(attributes) if shape.is_http else {},
        **(_of_trace(attributes, events) if events or shape.says_of_trace else {}),
    )


def said_of_trace(attributes: Mapping[str, Json], events: Sequence[Event] = ()) -> dict[str, Any]:
    """Return what a span says of its session and trace, as fields of a `Reading`; raw attributes say it for ever."""
    if not events and not told(attributes, says_of_trace, None):
        return {**_NOTHING_SAID, "metadata": {}}
    return _of_trace(attributes, events)


_NOTHING_SAID: dict[str, Any] = {
    **dict.fromkeys(("user_id", "session_name", "trace_name", "session")), "tags": (), "judgements": (),
}  # fmt: skip


def _of_trace(attributes: Mapping[str, Json], events: Sequence[Event]) -> dict[str, Any]:
    return {
        **said_in_words(attributes),
        "tags": trace_tags(attributes),
        "metadata": trace_metadata(attributes),
        "judgements": judgements(attributes, events),
    }


def _with_details(attributes: Mapping[str, Json], events: Sequence[Event]) -> Mapping[str, Json]:
    """Return the attributes with those of the event that repeats them with their contents."""
    details = next((event.attributes for event in events if event.name == _DETAILS), None)
    for event in events if details is None else ():
        details = told_events.both_sides(event) or details
    return attributes if details is None else {**details, **attributes}


def _kind_by_events(events: Sequence[Event]) -> str:
    if any(told_events.is_message(event) or event.name == _DETAILS for event in events):
        return "generation"
    found = any(event.name.startswith(("db.query.result", "db.search.result")) for event in events)
    return "retrieval" if found else "internal"


def _scalars(
    kind: str, attributes: Mapping[str, Json], shape: Shape, events: Sequence[Event], started_ns: int | None
) -> dict[str, Any]:
    found = table.SPANS.read(attributes) if shape.has_fields else {}
    if kind not in _CALLED:
        # A tool or a chain may name the model around it; only a call has one.
        for field_name in ("finish_reason", "cost_nano", "first_token_ns") if found else ():
            found.pop(field_name, None)
    if kind in _COUNTED:
        found = {**_counted(attributes, events, started_ns), **found}
    else:
        found.pop("cost_nano", None)
    if shape.has_metadata and (metadata := span_metadata(attributes)):
        found["metadata"] = metadata
    if events and kind in ("retrieval", "reranker") and (documents := _vector_events(events)):
        found["documents"] = as_documents(documents)
    return found


def _counted(attributes: Mapping[str, Json], events: Sequence[Event], started_ns: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (usage := _usage(attributes, table.COUNTS.read(attributes))) is not None:
        found["usage"] = usage
    if (cost := _summed_cost(attributes)) is not None:
        found["cost_nano"] = cost
    if parameters := _parameters(attributes):
        found["parameters"] = parameters
    if _FIRST_TOKENS.isdisjoint(attributes) and (first := _first_token(attributes, events, started_ns)) is not None:
        found["first_token_ns"] = first
    return found


_FIRST_TOKENS = frozenset(("ai.response.msToFirstChunk", "gen_ai.response.time_to_first_chunk"))
_BY_CLIENT = "langfuse.observation.completion_start_time"


def _first_token(attributes: Mapping[str, Json], events: Sequence[Event], started_ns: int | None) -> int | None:
    """Return how long the first token took by the client's word, else by the event that marks it."""
    started = as_moment(attributes[_BY_CLIENT]) if _BY_CLIENT in attributes else None
    if started is not None and started_ns is not None:
        return max(0, started - started_ns)
    return told_events.first_token(events, started_ns) if events else None


def _usage(attributes: Mapping[str, Json], counts: Mapping[str, int]) -> Usage | None:
    if "input" in counts or "output" in counts:
        return Usage(**counts)
    for name in table.USAGE_OBJECTS:
        if name in attributes and (usage := as_usage(_numbered(attributes[name]))) is not None:
            return usage
    return Usage(**counts) if counts else _replied_usage(attributes)


_PARTS_OF_COST = frozenset(name for pair in table.COST_PARTS for name in pair)


def _summed_cost(attributes: Mapping[str, Json]) -> int | None:
    """Return the cost of a call of which only the parts were sent; zeros are what clients write who know no price."""
    for pair in table.COST_PARTS if not _PARTS_OF_COST.isdisjoint(attributes) else ():
        parts = [number for name in pair if (number := as_number(attributes.get(name))) is not None]
        if any(parts):
            return as_nano(sum(parts))
    return None


def _replied_usage(attributes: Mapping[str, Json]) -> Usage | None:
    """Return the counts that stand in a model's reply and nowhere else."""
    for name in table.REPLIES:
        reply = as_object(attributes[name]) if name in attributes else {}
        for place in (reply, as_object(reply.get("llm_output")), as_object(reply.get("response_metadata"))):
            for key in table.REPLIED_USAGE:
                if (usage := vendor_usage(as_object(place.get(key)))) is not None:
                    return usage
    return None


def _numbered(value: Json) -> dict[str, Json]:
    """Return counts that were written as text as numbers."""
    counts = as_object(value)
    return {name: as_count(count) if isinstance(count, str) else count for name, count in counts.items()}


def _parameters(attributes: Mapping[str, Json]) -> dict[str, Json]:
    objects, singles = told(attributes, _of_parameters, None)
    if not objects and not singles:
        return {}
    if not objects:
        return {short: loaded(value) for short, name in singles if (value := attributes[name]) is not None}
    found: dict[str, Json] = {}
    for name in objects:
        found.update(as_object(attributes[name]))
    found.update({short: attributes[name] for short, name in singles})
    return {name: loaded(value) for name, value in found.items() if value is not None and _is_parameter(name)}


def _of_parameters(names: tuple[str, ...], _about: None) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the names of whole objects, and each other parameter with the name of its attribute."""
    objects = tuple(name for name in table.PARAMETER_OBJECTS if name in names)
    singles = {
        name[len(prefix) :]: name for prefix in table.PARAMETER_PREFIXES for name in names if name.startswith(prefix)
    }
    return objects, tuple((short, name) for short, name in singles.items() if objects or _is_parameter(short))


def _is_parameter(name: str) -> bool:
    return name.partition(".")[0] not in table.NO_PARAMETERS


def _reason(output: Json) -> str | None:
    if not isinstance(output, list):
        return None
    reasons = (item.get("finish_reason") for item in output if isinstance(item, dict))
    return next((reason for value in reasons if (reason := first_word(value))), None)


def _vector_events(events: Sequence[Event]) -> list[Json]:
    return [
        text_documents(event.attributes, prefix)
        for event in events
        for prefix in _VECTOR_EVENTS
        if event.name == prefix[:-1]
    ]


def _is_hidden(name: str, attributes: Mapping[str, Json], shape: Shape, scope: str | None) -> bool:
    if shape.hides and attributes.get("logfire.span_type") == "pending_span":
        return True
    is_message = (shape.hides and "asgi.event.type" in attributes) or name.endswith(_ASGI_MESSAGES)
    return is_message and (scope is None or "http.request.method" not in attributes)
