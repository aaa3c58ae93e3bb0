"""The app under chaos: it answers with its process, so that what a killed one took along can be told."""

import os
import time

import flask

import convotrace as ct
import convotrace_flask

app = flask.Flask("chaos")
convotrace_flask.ConvoTrace(app)


@app.post("/chat")
def chat():
    asked = flask.request.get_json()
    with ct.tool("echo", arguments=asked):
        time.sleep(0.002)
    return {"reply": asked["message"], "pid": os.getpid()}
