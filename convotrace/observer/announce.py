"""Saying where the page is: on a terminal and nowhere else, once a store."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable

from convotrace.observer.guard import Guard, is_terminal, to_stderr

_HOST = re.compile(r"[\w.:\[\]-]{1,100}")


class Announcer:
    """Writes the link of the page to stderr after the first request, in a thread: the store is asked for it.

    Args:
        guard: Calls what may fail.
        first_time: Tells whether no process said it before.
        link: Returns the link for the address of the app.
    """

    def __init__(self, guard: Guard, first_time: Callable[[], bool], link: Callable[[str], str]) -> None:
        self._guard = guard
        self._first_time = first_time
        self._link = link
        self.done = False
        """Whether it was tried."""

    def announce(self, scheme: str, host: str) -> None:
        """Say it, if this was not tried before."""
        if self.done:
            return
        self.done = True
        if is_terminal(sys.stderr) and _HOST.fullmatch(host):
            threading.Thread(target=self._say, args=(f"{scheme}://{host}",), daemon=True).start()

    def _say(self, base: str) -> None:
        attempt = self._guard.attempt
        if attempt("announce", self._first_time) and (link := attempt("announce", self._link, base)):
            to_stderr(f"convotrace: {link}")
