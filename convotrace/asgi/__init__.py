"""The ASGI door: forwards every message first and notes it after. It translates, nothing more.

`middleware.py` decides what is recorded, `http.py` is one request (`acting.py` where hooks may answer it),
`websocket.py` one connection, `passage.py` what both share, `page.py` the page, `protocol.py` what ASGI calls things.
"""

from convotrace.asgi.middleware import ConvoTraceMiddleware
from convotrace.asgi.page import answer_page, page_app
from convotrace.asgi.protocol import SEEN, ASGIApp, Message, Receive, Scope, Send, app_path, decode, incoming

__all__ = [
    "SEEN", "ASGIApp", "ConvoTraceMiddleware", "Message", "Receive", "Scope", "Send", "answer_page", "app_path",
    "decode", "incoming", "page_app",
]  # fmt: skip
