"""The raw floor: tuples into a deque, and a thread that writes them by `executemany`. No product: it reads no body."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import deque
from typing import Any

from tests.benchmarks.subjects import Place, Subject, work

_TABLE = (
    "CREATE TABLE spans (trace TEXT, id INTEGER, parent INTEGER, name TEXT, kind TEXT, started, ended, attributes TEXT)"
)
_PAUSE = 0.1


class Floor:
    """The queue, and the thread behind it."""

    def __init__(self, path: str) -> None:
        self.queue: deque[tuple[Any, ...]] = deque()
        self.idle = threading.Event()
        self._wanted = threading.Event()
        self._path = path
        threading.Thread(target=self._run, daemon=True).start()

    def steps(self, number: int, session: str, message: str) -> None:
        """Note six spans: the request and its five steps."""
        trace, root, plan = random.getrandbits(128), random.getrandbits(64), random.getrandbits(64)
        chat = {**work.CHAT, "model": "gpt-4o", "in": work.prompt(number), "out": work.completion(number)}
        for name, kind, attributes in (
            ("articles", "retrieval", {**work.SEARCH, "query": message, "documents": [work.DOCUMENT]}),
            ("chat", "generation", chat),
            ("lookup", "tool", {**work.TOOL, "arguments": {"order": number}, "result": {"state": "sent"}}),
            ("format", "internal", work.FORMAT),
        ):
            self._note(trace, random.getrandbits(64), plan, name, kind, attributes)
        self._note(trace, plan, root, "plan", "agent", work.PLAN)
        self._note(trace, root, 0, "POST /chat", "http", {"session": session, "message": message})

    def _note(self, trace: int, id: int, parent: int, name: str, kind: str, attributes: dict[str, Any]) -> None:
        started = time.time_ns()
        self.queue.append((trace, id, parent, name, kind, started, time.time_ns(), attributes))

    def flush(self) -> None:
        """Wait until the queue is written."""
        self.idle.clear()
        self._wanted.set()
        self.idle.wait(60)

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=NORMAL",
            _TABLE,
            "CREATE INDEX of ON spans (trace)",
        ):
            connection.execute(statement)
        while True:
            asked = self._wanted.wait(_PAUSE)
            self._wanted.clear()
            while self.queue:
                rows = [self.queue.popleft() for _ in range(min(len(self.queue), 500))]
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO spans VALUES (?,?,?,?,?,?,?,?)", map(_row, rows))
                connection.execute("COMMIT")
            if asked:
                self.idle.set()


def _row(span: tuple[Any, ...]) -> tuple[Any, ...]:
    trace, id, parent, *others, attributes = span
    return (f"{trace:032x}", id - (1 << 63), parent - (1 << 63), *others, json.dumps(attributes))


def floor(place: Place) -> Subject:
    """Return the app with its five steps noted by the least that can be."""
    made = Floor(f"{place.folder}/floor.db")
    return Subject(made.steps, flush=made.flush)
