"""What is said of a turn where its texts are missing, how it stands, where its user left, what it did: in words."""

from __future__ import annotations

from convotrace.model import Trace
from convotrace.page.format import duration, plural, share


def user_words(trace: Trace) -> str | None:
    """Return what is said in the place of a message that is not there; None where it is."""
    if trace.input.text is None:
        return "The agent spoke first." if trace.output.text is not None else "No message text in this turn."
    return None if trace.input.text else "The message was empty."


def agent_words(trace: Trace) -> str | None:
    """Return what is said in the place of an answer that is not there; None where it is."""
    if trace.output.text:
        return None
    if trace.output.text == "":
        return "The answer was empty."
    return f"No answer text in this turn: {_why_silent(trace)}"


def _why_silent(trace: Trace) -> str:
    if trace.status == "running":
        return "it is still running."
    if trace.status == "error":
        return "it failed."
    if trace.status in ("cancelled", "disconnected"):
        return "the user left."
    if trace.status == "interrupted":
        return "the process ended."
    last = max(trace.spans, key=lambda span: span.started_ns, default=None)
    return {"tool": "it ended with a tool call.", "retrieval": "it ended with a retrieval."}.get(
        last.kind if last else "", "none was captured."
    )


def state(trace: Trace) -> tuple[str, str] | None:
    """Return tone and words of a turn that did not simply end."""
    return {
        "running": ("ok", "waiting for the first byte" if trace.first_byte_ns is None else "streaming…"),
        "cancelled": ("warn", "cancelled"),
        "disconnected": ("warn", where_left(trace)),
        "interrupted": ("warn", "the process ended before the turn did"),
        "error": ("err", f"HTTP {trace.status_code}" if trace.status_code else "failed"),
    }.get(trace.status)


def where_left(trace: Trace) -> str:
    """Return where the user left an answer: after which time, how many chunks, at which share."""
    left = trace.left
    if left is None:
        return "user left while it was answered"
    part = "" if left.share is None else f", at {share(left.share)}"
    return f"user left after {duration(left.after_ns)}, {plural(left.chunks, 'chunk')}{part}"


def calls_line(trace: Trace) -> str:
    """Return what a turn did, in two words: 5 calls, 1 retrieval, answer only."""
    tools = sum(1 for span in trace.spans if span.kind == "tool")
    found = sum(1 for span in trace.spans if span.kind == "retrieval")
    parts = [plural(tools, "call")] if tools else []
    parts += [plural(found, "retrieval")] if found else []
    return ", ".join(parts) or ("answer only" if trace.output.text else "no answer")
