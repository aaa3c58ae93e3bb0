"""What the shop allows its assistant in one turn: a hook that ends a model which goes round in circles."""

from __future__ import annotations

from convotrace.capture.acting import Turn

MOST = 3
"""Calls of one tool with the same arguments, in one turn."""


def tool_loop(turn: Turn) -> None:
    """Stop a turn in which a tool is called again and again with the same arguments."""
    if turn.running.repeated_calls >= MOST:
        turn.stop(f"the same tool was called with the same arguments {MOST} times")
