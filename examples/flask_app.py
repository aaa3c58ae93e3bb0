"""The support assistant as a Flask app: `gunicorn --threads 8 examples.flask_app:app`, then open http://127.0.0.1:8000."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, request

from convotrace.demo.service import PAGE_HEADERS, Service, WrongInput, asset, page
from convotrace_flask import ConvoTrace

app = Flask(__name__, static_folder=None)
ConvoTrace(app)

service = Service(pace=0.01)


@app.get("/")
def index() -> Response:
    """Return the chat page."""
    return Response(page(), headers=PAGE_HEADERS, mimetype="text/html")


@app.get("/assets/<name>")
def assets(name: str) -> Response:
    """Return a file of the chat page."""
    found = asset(name)
    if found is None:
        abort(404)
    return Response(found[0], content_type=found[1])


@app.post("/chat")
def chat() -> dict[str, Any]:
    """Answer a message."""
    return service.chat(request.get_json())


@app.post("/chat/stream")
def stream() -> Response:
    """Answer a message as server-sent events."""
    return Response(service.stream(request.get_json()), mimetype="text/event-stream")


@app.get("/history")
def history() -> dict[str, Any]:
    """Return what was said in a conversation."""
    return service.history(request.args.get("session_id"))


@app.post("/rate")
def rate() -> dict[str, Any]:
    """Take a thumb of the customer."""
    return service.rate(request.get_json())


@app.post("/replay")
def replay() -> dict[str, Any]:
    """Re-enact a recorded turn."""
    return service.replay(request.get_json())


@app.errorhandler(WrongInput)
def wrong_input(error: WrongInput) -> tuple[dict[str, str], int]:
    """Answer a request that lacks what its route needs."""
    return {"error": str(error)}, 400
