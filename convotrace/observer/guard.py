"""Calling what may fail: whatever it raises, the request goes on and the failure is counted."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from convotrace.observer.tally import Tallies

LOGGER = "convotrace"


class Guard:
    """Calls hooks of the app's owner and work of our own, counts failures, and says them once a minute.

    Args:
        timeout: Seconds a hook may take before it is counted as slow.
        speak: Takes one sentence, at most once a minute for each name.
    """

    def __init__(self, timeout: float, speak: Callable[[str], None]) -> None:
        self.failures = Tallies()
        self._timeout = timeout
        self._speak = speak
        self._spoken: dict[str, float] = {}

    def call(self, name: str, hook: Callable[..., Any], *args: Any) -> Any:
        """Return what a hook of the owner's returns, None where it raises; one that takes long is counted as slow."""
        started = monotonic()
        try:
            return self.attempt(name, hook, *args)
        finally:
            if monotonic() - started > self._timeout:
                self.failures.add(f"{name} (slow)")

    def attempt(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        """Return what work of our own returns, None where it raises; on a busy machine it may take its time."""
        try:
            return work(*args)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit and the like: nothing must end the host's request
            self.failed(name, error)
            return None

    def note(self, work: Callable[..., object], *args: Any) -> None:
        """Note what a door has seen; a fault of ours is counted, and what ends a greenlet or a task passes through."""
        try:
            work(*args)
        except Exception as fault:
            self.failed("recording", fault)

    def failed(self, where: str, error: BaseException) -> None:
        """Count a failure and say it, at most once a minute for each place."""
        self.failures.add(where)
        self.say(where, f"{where} failed with {type(error).__name__}; the request was not affected.")

    def say(self, where: str, sentence: str) -> None:
        """Say a sentence, at most once a minute for each place."""
        now = monotonic()
        if now - self._spoken.get(where, -60.0) >= 60.0:
            self._spoken[where] = now
            self._speak(sentence)


def to_log(sentence: str) -> None:
    """Say one sentence as a warning of the logger `convotrace`; never raises.

    An app that has configured logging finds it there; in another it comes to stderr.
    """
    try:
        logging.getLogger(LOGGER).warning(sentence)
    except Exception:  # a handler of the app's may raise anything
        return


def to_stderr(sentence: str) -> None:
    """Write one line to stderr, wherever that leads; never raises."""
    try:
        sys.stderr.write(sentence + "\n")
    except Exception:  # stderr may be closed or missing
        return


def is_terminal(stream: Any) -> bool:
    """Tell whether a stream leads to a terminal; one that is missing or closed does not."""
    try:
        return stream is not None and bool(stream.isatty())
    except Exception:  # a closed file raises ValueError, a stand-in of the app's may raise anything
        return False
