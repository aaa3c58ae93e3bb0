"""How replies are written on the wire in the tests of this room: events, lines, frames, chunks."""

import base64
import json
import zlib

from convotrace.exchange import read_exchange

JSON = "application/json"
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
FRAMES = "application/vnd.amazon.eventstream"
TEXT = "text/plain; charset=utf-8"
ASKED = {"message": "Is it open?"}


def sse(*events):
    """Write events: an object, a pair of name and object, or a bare text."""
    lines = []
    for event in events:
        name, data = event if isinstance(event, tuple) else ("", event)
        lines += [f"event: {name}"] if name else []
        lines += [f"data: {data if isinstance(data, str) else json.dumps(data)}", ""]
    return "\n".join([*lines, ""]).encode()


def typed(*pairs):
    """Write events whose type is also their name, as several vendors do."""
    return sse(*((kind, {"type": kind, **fields}) for kind, fields in pairs))


def lines(*objects):
    """Write lines of JSON."""
    return "".join(json.dumps(item) + "\n" for item in objects).encode()


def frame(name, payload, header=":event-type"):
    """Write one binary frame, its checksums included."""
    key, value = header.encode(), name.encode()
    head = bytes([len(key)]) + key + b"\x07" + len(value).to_bytes(2) + value
    body = json.dumps(payload).encode()
    prelude = (16 + len(head) + len(body)).to_bytes(4) + len(head).to_bytes(4)
    whole = prelude + zlib.crc32(prelude).to_bytes(4) + head + body
    return whole + zlib.crc32(whole).to_bytes(4)


def wrapped(payload):
    """Write the frame in which a model's own JSON travels."""
    return frame("chunk", {"bytes": base64.b64encode(json.dumps(payload).encode()).decode(), "p": "abc"})


def read(body, content_type=SSE, asked=ASKED, **more):
    """Read a reply to a question."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_exchange("POST", {}, json.dumps(asked).encode(), JSON, body, content_type, **more)


def chunk(delta, **more):
    """Return a chunk of a chat completion."""
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, **more}]}


def tool_delta(index, name=None, arguments=None, call_id=None):
    """Return the delta of a tool call."""
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": call_id, "function": function}]}


def ai(content, **more):
    """Return a chunk of a LangChain model as its constructor."""
    kwargs = {"content": content, **more}
    return {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "AIMessageChunk"], "kwargs": kwargs}
