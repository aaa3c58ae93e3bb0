"""The apps that the server tests start: `served:fastapi_app` under uvicorn, `served:flask_app` under gunicorn."""

import os
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


@fastapi_app.get("/pid")
def pid():
    return os.getpid()


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


@flask_app.post("/fork")
def flask_fork():
    """Answer from a child process made inside the request, which uses the verbs too."""
    asked = flask.request.get_json()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with ct.tool("in the child"):
            os.write(write, asked["message"].encode())
        os._exit(0)
    os.waitpid(child, 0)
    reply = os.read(read, 1000).decode()
    os.close(read), os.close(write)
    return {"reply": reply}


@flask_app.post("/slow")
def flask_slow():
    with ct.tool("slow"):
        time.sleep(0.05)
        ct.event(flask.request.get_json()["message"])
    return {"reply": flask.request.get_json()["message"]}
