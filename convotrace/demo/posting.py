"""Posts conversations to a running app over real HTTP: conversations side by side, turns of one in order."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from convotrace.demo.recordings import Post, Recording

TIMEOUT = 60.0
_HEADERS = {"Content-Type": "application/json", "User-Agent": "convotrace-demo"}


@dataclass
class Summary:
    """What was posted: conversations, and counts of what the store must hold; and what failed."""

    conversations: int = 0
    requests: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON value."""
        steps = {kind: self.counts[kind] for kind in ("generation", "tool", "retrieval") if self.counts[kind]}
        return {
            "conversations": self.conversations,
            "turns": self.counts["turns"],
            "requests": self.requests,
            "steps": steps,
            "errors": self.counts["errors"],
            "scores": self.counts["scores"],
            "failures": self.failures,
            "seconds": round(self.seconds, 1),
        }


def post_all(
    recordings: Sequence[Recording],
    base_url: str,
    workers: int = 1,
    pace: float = 0.0,
    done: Callable[[], object] = lambda: None,
) -> Summary:
    """Post conversations and count them.

    Args:
        recordings: What to post.
        base_url: Where the app answers, with any path prefix.
        workers: Conversations posted at the same time.
        pace: Seconds between two requests of one conversation.
        done: Called after each request, from one thread at a time.

    Returns:
        What was posted. A request that got no answer, or another status than it must get, is a failure.
    """
    run = _Run(base_url, pace, done)
    began = time.monotonic()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            list(pool.map(run.conversation, recordings))
        except BaseException:
            # Ctrl-C: what has not begun is dropped, what runs ends after its present request.
            run.stop = True
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    run.summary.seconds = time.monotonic() - began
    return run.summary


class _Run:
    """One posting in progress, shared by its threads."""

    def __init__(self, base_url: str, pace: float, done: Callable[[], object]) -> None:
        self.summary = Summary()
        self.stop = False
        self._url = urlsplit(base_url)
        self._pace = pace
        self._done = done
        self._lock = threading.Lock()

    def conversation(self, recording: Recording) -> None:
        connection = self._connect()
        try:
            for post in recording.posts:
                if self.stop:
                    return
                self._record(post, self._send(connection, post, recording.id))
                time.sleep(self._pace)
        finally:
            connection.close()
        with self._lock:
            self.summary.conversations += 1

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(self._url.hostname or "127.0.0.1", self._url.port, timeout=TIMEOUT)

    def _send(self, connection: http.client.HTTPConnection, post: Post, name: str) -> str | None:
        """Send one request and return what went wrong."""
        try:
            connection.request("POST", self._url.path.rstrip("/") + post.path, post.body, _HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 500:
                # A server may hang up after a crash without having said so; the next request must not meet that.
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"{name}: POST {post.path}: {type(error).__name__}: {error}"
        return None if answer.status == post.status else f"{name}: POST {post.path}: status {answer.status}"

    def _record(self, post: Post, failure: str | None) -> None:
        with self._lock:
            self.summary.requests += 1
            if failure is None:
                self.summary.counts.update(post.adds)
            else:
                self.summary.failures.append(failure)
            self._done()
