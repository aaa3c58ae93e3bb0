"""The support assistant as a FastAPI app: `uvicorn examples.fastapi_app:app`, then open http://127.0.0.1:8000."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from convotrace.demo.service import PAGE_HEADERS, Service, WrongInput, asset, page
from convotrace_fastapi import ConvoTrace

app = FastAPI(title="Brindle & Kettle")
ConvoTrace(app)

service = Service(pace=0.01)


@app.get("/", include_in_schema=False)
def index() -> HTMLResponse:
    """Return the chat page."""
    return HTMLResponse(page(), headers=PAGE_HEADERS)


@app.get("/assets/{name}", include_in_schema=False)
def assets(name: str) -> Response:
    """Return a file of the chat page."""
    found = asset(name)
    if found is None:
        raise HTTPException(404)
    return Response(found[0], media_type=found[1])


@app.post("/chat")
def chat(data: dict[str, Any]) -> dict[str, Any]:
    """Answer a message."""
    return service.chat(data)


@app.post("/chat/stream")
def stream(data: dict[str, Any]) -> StreamingResponse:
    """Answer a message as server-sent events."""
    return StreamingResponse(service.stream(data), media_type="text/event-stream")


@app.get("/history")
def history(session_id: str | None = None) -> dict[str, Any]:
    """Return what was said in a conversation."""
    return service.history(session_id)


@app.post("/rate")
def rate(data: dict[str, Any]) -> dict[str, Any]:
    """Take a thumb of the customer."""
    return service.rate(data)


@app.post("/replay", include_in_schema=False)
def replay(data: dict[str, Any]) -> dict[str, Any]:
    """Re-enact a recorded turn."""
    return service.replay(data)


@app.exception_handler(WrongInput)
def wrong_input(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that lacks what its route needs."""
    return JSONResponse({"error": str(error)}, 400)
