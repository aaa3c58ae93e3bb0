"""Requests at a steady pace, each timed, each with a text of its own; what was not answered is no turn to look for."""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import NamedTuple

SESSIONS = 40


class Sent(NamedTuple):
    """One request that was answered: its text, who answered, when, after how many seconds, whether it was a burst's."""

    text: str
    pid: int
    at: float
    took: float
    burst: bool


class Load:
    """Posts messages to one server."""

    def __init__(self, port):
        self.port = port
        self.answered = []
        self.unanswered = 0
        self._numbers = count()
        self._lock = threading.Lock()

    def post(self, burst=False):
        """Send one message."""
        number = next(self._numbers)
        text, began = f"m{number}", time.monotonic()
        body = json.dumps({"session_id": f"s{number % SESSIONS}", "message": text})
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("POST", "/chat", body, {"content-type": "application/json"})
            answer = json.loads(connection.getresponse().read())
            connection.close()
        except (OSError, http.client.HTTPException, ValueError):
            with self._lock:
                self.unanswered += 1
            return
        sent = Sent(answer["reply"], answer["pid"], time.time(), time.monotonic() - began, burst)
        with self._lock:
            self.answered.append(sent)

    def run(self, rate, seconds):
        """Send so many a second; return the answered of this run that were in no burst."""
        before, began = len(self.answered), time.monotonic()
        with ThreadPoolExecutor(64) as pool:  # more than ever wait: the pace does not depend on the answers
            for number in range(int(rate * seconds)):
                time.sleep(max(0, began + number / rate - time.monotonic()))
                pool.submit(self.post)
        return [sent for sent in self.answered[before:] if not sent.burst]

    def burst(self, number):
        """Send many at once."""
        with ThreadPoolExecutor(24) as pool:
            for _ in range(number):
                pool.submit(self.post, True)
