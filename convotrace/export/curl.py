"""The request of a turn as a curl command that sends it again; what was never stored is asked of the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from shlex import quote
from urllib.parse import quote as in_url
from urllib.parse import urlencode

from convotrace.export.records import dump
from convotrace.model import Json, Request, Trace

_LEFT_OUT = frozenset({
    "host", "content-length", "connection", "accept-encoding", "transfer-encoding", "keep-alive", "te", "upgrade",
    "traceparent", "tracestate", "baggage",
})  # fmt: skip
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_REDACTED = re.compile(r"\[redacted(?:: [a-z ()]+)?\]|\*{3,}", re.IGNORECASE)


def as_curl(trace: Trace, base: str) -> str | None:
    """Return the request of a trace as a command for a shell, None where it was not captured.

    Args:
        trace: The trace.
        base: Where the app is reachable, such as `http://127.0.0.1:8000`.
    """
    request = trace.request
    if request is None:
        return None
    parts = ["curl", *_method(request, trace), _quoted(base + _path(request))]
    lines = [" ".join(parts), *_headers(request), *_body(trace.input.body, request)]
    return " \\\n  ".join(lines) + "\n"


def _method(request: Request, trace: Trace) -> list[str]:
    usual = "POST" if trace.input.body is not None else "GET"
    return [] if request.method == usual else ["-X", _quoted(request.method)]


def _path(request: Request) -> str:
    query = urlencode(dict(request.query), doseq=True, errors="replace")
    return in_url(request.path, safe="/:@!$&'()*+,;=~-._", errors="replace") + ("?" + query if query else "")


def _headers(request: Request) -> list[str]:
    kept = ((name, value) for name, value in request.headers.items() if name.lower() not in _LEFT_OUT)
    return [f"-H {_header(name, str(value))}" for name, value in kept]


def _header(name: str, value: str) -> str:
    if not _REDACTED.search(value):
        return _quoted(f"{name}: {value}")
    variable = re.sub(r"\W", "_", name, flags=re.ASCII).upper()
    return f'{_quoted(f"{name}: ")}"${variable}"'


def _body(body: Json, request: Request) -> list[str]:
    if body is None:
        return []
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    if isinstance(body, Mapping) and kind.startswith("application/x-www-form-urlencoded"):
        body = urlencode(dict(body), doseq=True, errors="replace")
    return [f"--data-raw {_quoted(body if isinstance(body, str) else dump(body).decode())}"]


def _quoted(text: str) -> str:
    """Return a text as one word of a shell; what a terminal would obey or hide is written as an escape."""
    return quote(_UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text))
