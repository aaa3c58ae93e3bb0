"""What a trace tells of itself when it is written: its name, how it ended, how long it took, where the client left."""

from __future__ import annotations

from dataclasses import replace

from convotrace.model import Failure, Flow, Json, Left
from convotrace.recorder.open import OpenTrace


def name_of(trace: OpenTrace) -> str:
    """Return what a trace is called."""
    if trace.name:
        return trace.name
    if trace.incoming is None:
        return "session"
    return f"{trace.incoming.method} {trace.route or trace.incoming.path}"


def status_of(trace: OpenTrace) -> str:
    """Return how a trace ended, or that it still runs."""
    if trace.status != "running" or trace.answered is None:
        return trace.status
    # Answered, though the app still works on a background task: for the user the turn is over.
    return "error" if (trace.status_code or 0) >= 500 else "ok"


def error_of(trace: OpenTrace) -> Failure | None:
    """Return why a trace failed: as it was noted, else as it was logged, else by its HTTP status."""
    if trace.failure is not None:
        return trace.failure
    if status_of(trace) != "error":
        return None
    if trace.logged is not None:
        return trace.logged
    return Failure(f"HTTP {trace.status_code}", f"HTTP {trace.status_code}")


def duration_of(trace: OpenTrace) -> int | None:
    """Return the ns until the answer was complete, None while it is not."""
    end = trace.answered or trace.ended
    return None if end is None else max(0, end - trace.started)


def left_of(trace: OpenTrace) -> Left | None:
    """Return where the client left; a share where all the bytes are known, announced or sent to nobody."""
    left = trace.left
    if left is None or not trace.disconnected:
        return None
    whole = trace.expected_bytes or (trace.response_bytes if trace.answered is not None else None)
    return replace(left, share=min(1.0, left.bytes / whole)) if whole else left


def flow_of(trace: OpenTrace) -> tuple[Flow, ...]:
    """Return when the parts of an answer went out, its last one among them."""
    marks = list(trace.flow or ())
    if marks and trace.last_chunk is not None and marks[-1][2] != trace.chunks:
        marks.append((trace.last_chunk - trace.started, trace.response_bytes, trace.chunks))
    return tuple([Flow(*mark) for mark in marks])


def metadata_of(trace: OpenTrace) -> dict[str, Json]:
    """Return what was said of a trace, with what its limits left out."""
    if not (trace.spans_over or trace.attachments_over):
        return dict(trace.noted("metadata"))
    over = {"spans_over_limit": trace.spans_over, "attachments_over_limit": trace.attachments_over}
    return {**trace.metadata, **{name: count for name, count in over.items() if count}}
