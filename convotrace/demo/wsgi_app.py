"""The demo as a plain WSGI app, on nothing but the standard library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from convotrace.demo.service import PAGE_HEADERS, Service, WrongInput, asset, page

StartResponse = Callable[..., Any]
_JSON = "application/json; charset=utf-8"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class DemoApp:
    """Routes the demo's few paths to a `Service`."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._posts: dict[str, Callable[[Any], Any]] = {
            "/chat": service.chat,
            "/rate": service.rate,
            "/replay": service.replay,
        }

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._answer(environ, start_response)
        except WrongInput as error:
            return _json(start_response, 400, {"error": str(error)})

    def _answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO") or "/", environ["REQUEST_METHOD"]
        if method == "GET":
            return self._get(path, environ, start_response)
        if method != "POST" or not (path in self._posts or path == "/chat/stream"):
            return _json(start_response, 404 if method == "POST" else 405, {"error": f"no {method} {path}"})
        data = _body(environ)
        if path == "/chat/stream":
            return _send(start_response, 200, "text/event-stream; charset=utf-8", self.service.stream(data))
        return _json(start_response, 200, self._posts[path](data))

    def _get(self, path: str, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if path == "/":
            return _send(start_response, 200, "text/html; charset=utf-8", [page()], PAGE_HEADERS)
        if path == "/history":
            session_id = parse_qs(environ.get("QUERY_STRING", "")).get("session_id", [None])[0]
            return _json(start_response, 200, self.service.history(session_id))
        found = asset(path.removeprefix("/assets/")) if path.startswith("/assets/") else None
        if found is None:
            return _json(start_response, 404, {"error": f"no GET {path}"})
        return _send(start_response, 200, found[1], [found[0]])


def _body(environ: dict[str, Any]) -> Any:
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        return json.loads(raw)
    except ValueError:
        raise WrongInput("the body must be JSON") from None


def _json(start_response: StartResponse, status: int, data: Any) -> Iterable[bytes]:
    return _send(start_response, status, _JSON, [json.dumps(data, ensure_ascii=False).encode()])


def _send(
    start_response: StartResponse, status: int, type: str, body: Iterable[bytes], headers: dict[str, str] | None = None
) -> Iterable[bytes]:
    start_response(f"{status} {_REASONS[status]}", [("Content-Type", type), *(headers or {}).items()])
    return body
