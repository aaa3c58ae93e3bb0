"""What was said in each conversation, kept by the process and bounded: an app of this size needs no more."""

from __future__ import annotations

import threading
from collections import OrderedDict

from convotrace.demo.messages import Message


class Memory:
    """Messages by session id; the conversation that was silent longest is forgotten first.

    Args:
        conversations: How many are kept.
    """

    def __init__(self, conversations: int = 2_000) -> None:
        self._limit = conversations
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, list[Message]] = OrderedDict()

    def recall(self, session_id: str) -> list[Message]:
        """Return a copy of a conversation's messages, oldest first."""
        with self._lock:
            return list(self._kept.get(session_id, ()))

    def keep(self, session_id: str, messages: list[Message]) -> None:
        """Replace a conversation's messages."""
        with self._lock:
            self._kept[session_id] = list(messages)
            self._kept.move_to_end(session_id)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
