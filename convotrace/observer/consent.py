"""Whether the words of a request may be kept: by the options, by rules, by the app's own function, at run time.

Where that is known only at its end, nothing of them is kept before. Whatever fails here keeps none.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from convotrace.observer.exclude import Excluder
from convotrace.observer.guard import Guard
from convotrace.recorder import OpenTrace
from convotrace.settings import Settings

USER, HEADER = "user:", "header:"


class Consent:
    """Decides for each trace.

    Args:
        settings: The options in force.
        guard: Calls the app's function.
    """

    def __init__(self, settings: Settings, guard: Guard) -> None:
        self._guard = guard
        self._function: Callable[[Any], Any] | None = settings.content if callable(settings.content) else None
        rules = settings.content_off
        self._users = tuple(rule[len(USER) :] for rule in rules if rule.startswith(USER))
        self._headers = tuple(_header(rule[len(HEADER) :]) for rule in rules if rule.startswith(HEADER))
        paths = [rule for rule in rules if not rule.startswith((USER, HEADER))]
        self._paths = Excluder(paths) if paths else None
        self.is_asked = bool(self._function or rules)
        """Whether it is known at the end of a request, and not before."""
        self.is_on = True
        """What `ConvoTrace.keep_content` says."""

    def begin(self, trace: OpenTrace) -> None:
        """Let a trace keep no words until they may be kept."""
        trace.undecided = self.is_asked
        if not self.is_on:
            trace.content = False

    def decide(self, trace: OpenTrace) -> None:
        """Decide about a trace at its end, when its user is known and its body was read."""
        if not trace.undecided:
            return
        allowed = not self._is_off(trace)
        if allowed and self._function is not None:
            allowed = self._guard.call("content", self._function, trace.incoming) is True
        trace.content = trace.content and allowed
        trace.undecided = False

    def _is_off(self, trace: OpenTrace) -> bool:
        if trace.user_id is not None and any(fnmatchcase(trace.user_id, user) for user in self._users):
            return True
        incoming = trace.incoming
        if incoming is None:
            return False
        if self._paths is not None and (self._paths("", incoming.path) or self._paths("", trace.route or "")):
            return True
        return any(_has(incoming.headers.get(name), value) for name, value in self._headers)


def _header(rule: str) -> tuple[str, str | None]:
    name, equals, value = rule.partition("=")
    return name.strip().lower(), value.strip().lower() if equals else None


def _has(came: str | None, wanted: str | None) -> bool:
    return came is not None and (wanted is None or came.strip().lower() == wanted)
