"""The apps that the server tests start: `served:fastapi_app` under uvicorn, `served:flask_app` under gunicorn."""

import time

import flask
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

import convotrace as ct
import convotrace_fastapi
import convotrace_flask

fastapi_app = FastAPI()
fastapi_app.add_middleware(CORSMiddleware, allow_origins=["*"])
convotrace_fastapi.ConvoTrace(fastapi_app)
# Cross-origin access for the host's own routes, inside and outside of convotrace: neither may open the page.
fastapi_app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)


class Chat(BaseModel):
    session_id: str
    message: str


@fastapi_app.post("/chat")
def chat(chat: Chat):
    with ct.tool("echo"):
        return {"reply": chat.message}


@fastapi_app.post("/stream")
def stream(chat: Chat):
    def pieces():
        with ct.span("stream", kind="agent"):
            for n in range(200):
                time.sleep(0.005)
                yield f'data: {{"delta": "{n} "}}\n\n'

    return StreamingResponse(pieces(), media_type="text/event-stream")


flask_app = flask.Flask("served")
convotrace_flask.ConvoTrace(flask_app)


@flask_app.post("/chat")
def flask_chat():
    with ct.tool("echo"):
        return {"reply": flask.request.get_json()["message"]}
