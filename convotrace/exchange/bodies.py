"""One captured body → a JSON value or a text, by its content type. What it means is decided in chat.py."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import parse_qsl

from convotrace.exchange.frames import frames
from convotrace.exchange.jsontext import UNREADABLE, loads, loads_leniently, partial
from convotrace.exchange.multipart import Upload, parts
from convotrace.model import Json

JSON, FORM, MULTIPART, TEXT, SSE, NDJSON = "json", "form", "multipart", "text", "sse", "ndjson"
FRAMES, XML = "frames", "xml"
CAPTURED_TYPES = (JSON, FORM, MULTIPART, TEXT, SSE, NDJSON, FRAMES, XML)

FRAMES_TYPE = "application/vnd.amazon.eventstream"
_KINDS = {
    "application/json": JSON,
    "application/x-www-form-urlencoded": FORM,
    "multipart/form-data": MULTIPART,
    "text/plain": TEXT,
    "text/event-stream": SSE,
    "application/x-ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/jsonlines": NDJSON,
    FRAMES_TYPE: FRAMES,
    "application/xml": XML,
    "text/xml": XML,
    "": JSON,
}
_MAX_FIELDS = 10_000
_CUT = "unexpected end of data"


@lru_cache(maxsize=256)
def media_type(content_type: str) -> tuple[str | None, str]:
    """Return the kind of body a content type announces (None: not captured) and its charset."""
    essence, _, parameters = content_type.partition(";")
    essence = essence.strip().lower()
    kind = _KINDS.get(essence) or (JSON if essence.endswith("+json") else None)
    charset = "utf-8"
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset":
            charset = value.strip('" ').lower()
    return kind, charset


def captured(content_type: str) -> bool:
    """Tell whether a body of this content type is kept at all."""
    return media_type(content_type)[0] is not None


def decode(body: bytes, content_type: str) -> Json:
    """Return a body as JSON value (JSON, forms, frames) or text (text, streams, JSON that cannot be parsed).

    None for a type that is not captured, and for a body without a type that is neither JSON nor a stream.
    """
    kind, charset = media_type(content_type)
    if kind is None:
        return None
    if kind == MULTIPART:
        return _multipart(body, content_type)
    if kind == FRAMES:
        return list(frames(body))
    if kind == JSON:
        return _json(body, charset, typed=bool(content_type.strip()))
    text = as_text(body, charset)
    if kind == FORM:
        value = _json(body, charset) if text.lstrip()[:1] in ("{", "[") else text
        return _form(text) if isinstance(value, str) else value
    return text


def _is_stream(text: str) -> bool:
    return text.startswith(("{", "data:", "event:"))


def as_text(body: bytes, charset: str = "utf-8") -> str:
    """Return bytes as text; a wrong or unknown charset never raises, and half a character at the end is left out."""
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        whole = body[: error.start] if error.reason == _CUT and error.end == len(body) else body
        return whole.decode("utf-8", "replace")
    except (LookupError, ValueError):  # ValueError: some codecs raise no more than that
        return body.decode("utf-8", "replace")


def _json(body: bytes, charset: str, typed: bool = True) -> Json:
    """Return the value of a JSON text; of one that was cut off what was complete, if anything was."""
    value = loads(body)
    if value is not UNREADABLE:
        return value
    text = as_text(body, charset)
    value = loads_leniently(text)
    if value is UNREADABLE:
        value = partial(text) or UNREADABLE
    if value is UNREADABLE:
        return text if typed or _is_stream(text) else None
    return value


def _form(text: str) -> Json:
    fields: dict[str, Json] = {}
    kept = "&".join(text.split("&", _MAX_FIELDS)[:_MAX_FIELDS])
    for name, value in parse_qsl(kept, keep_blank_values=True):
        _add(fields, name, value)
    return fields


def _multipart(body: bytes, content_type: str) -> Json:
    """Keep the text fields of a multipart form; of a file only its name, type and size."""
    fields: dict[str, Json] = {}
    for part in parts(body, content_type):
        if part.filename is None:
            _add(fields, part.name, as_text(part.data))
        else:
            # Of a file that was cut off nobody knows the size.
            size = len(part.data) if part.whole else None
            _add(fields, part.name, {"file": part.filename, "type": part.content_type, "size": size})
    return fields


def uploads(value: Json, content_type: str) -> tuple[Upload, ...]:
    """Return the files in a decoded multipart form; in another body there are none."""
    if media_type(content_type)[0] != MULTIPART or not isinstance(value, dict):
        return ()
    fields = [item for field in value.values() for item in (field if isinstance(field, list) else [field])]
    return tuple(Upload(f["file"], f["type"], f["size"]) for f in fields if isinstance(f, dict))


def _add(fields: dict[str, Json], name: str, value: Json) -> None:
    # A repeated field becomes a list, so that nothing is lost.
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]
