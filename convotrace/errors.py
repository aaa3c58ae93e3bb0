"""The few exceptions that reach users, each saying what came, what is accepted and the cure."""

from __future__ import annotations


class ConvoTraceError(Exception):
    """Base of every error raised on purpose by convotrace."""


class SettingsError(ConvoTraceError, TypeError, ValueError):
    """An option that does not exist, has a wrong value, or is accepted only by a later release."""


class StoreError(ConvoTraceError):
    """The store cannot be opened or read."""


class BadRequest(ConvoTraceError, ValueError):
    """A request to the page or its API whose content cannot be used."""


class FilterError(BadRequest):
    """A filter that cannot be read: what is wrong, where, and what to write instead."""

    def __init__(self, sentence: str, position: int, hint: str) -> None:
        super().__init__(f"{sentence} at character {position + 1}. {hint}")
        self.position = position
        """Characters before the place that is wrong."""
        self.hint = hint
        """What to write instead, in one sentence."""
