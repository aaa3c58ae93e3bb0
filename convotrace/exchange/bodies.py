"""One captured body → a JSON value or a text, by its content type. What it means is decided in chat.py."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson

from convotrace.model import Json

JSON, FORM, MULTIPART, TEXT, SSE, NDJSON = "json", "form", "multipart", "text", "sse", "ndjson"
CAPTURED_TYPES = (JSON, FORM, MULTIPART, TEXT, SSE, NDJSON)

_KINDS = {
    "application/json": JSON,
    "application/x-www-form-urlencoded": FORM,
    "multipart/form-data": MULTIPART,
    "text/plain": TEXT,
    "text/event-stream": SSE,
    "application/x-ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/jsonlines": NDJSON,
}
_FAILED = object()


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
    """Return a body as JSON value (JSON, forms, NDJSON as list) or text; what cannot be parsed stays text."""
    kind, charset = media_type(content_type)
    if kind == MULTIPART:
        return _multipart(body, content_type)
    text = as_text(body, charset)
    if kind == FORM:
        return _json(body, default=_form(text)) if text.lstrip()[:1] in ("{", "[") else _form(text)
    if kind == JSON:
        return _json(body, default=text)
    return text


def as_text(body: bytes, charset: str = "utf-8") -> str:
    """Return bytes as text; a wrong or unknown charset never raises."""
    try:
        return body.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")


def loads(text: str | bytes) -> Json:
    """Return the JSON value of a text, the module's own failure mark when it is none."""
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        return _FAILED


def failed(value: Any) -> bool:
    """Tell whether `loads` found no JSON."""
    return value is _FAILED


def _json(body: bytes, default: Json) -> Json:
    value = loads(body)
    return default if value is _FAILED else value


def _form(text: str) -> Json:
    fields: dict[str, Json] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=10_000):
        _add(fields, name, value)
    return fields


def _multipart(body: bytes, content_type: str) -> Json:
    """Keep the text fields of a multipart form; of a file only its name, type and size."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    fields: dict[str, Json] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True) or b""
        if part.get_filename() is not None:
            value: Json = {"file": part.get_filename(), "type": part.get_content_type(), "size": len(data)}
        else:
            value = as_text(data if isinstance(data, bytes) else b"")
        _add(fields, str(name or ""), value)
    return fields


def _add(fields: dict[str, Json], name: str, value: Json) -> None:
    # A repeated field becomes a list, so that nothing is lost.
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]
