"""The line of an answer that came in chunks: when each left, how long was waited for the first and between two.

Geometry and words only, in percent of the time from the request to the end of the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from convotrace.model import Trace
from convotrace.page.format import duration, plural, size


@dataclass(frozen=True)
class Stream:
    """What is drawn of one answer.

    Attributes:
        ticks: Where the chunks stand that were noted.
        gap: Where the longest wait between two of them begins, and how long it is.
        end: When the turn was over, in words.
        words: The same for who does not see it.
        rows: When, how many bytes by then, and the number of the chunk, in words.
    """

    ticks: Sequence[float]
    gap: tuple[float, float]
    end: str
    words: str
    rows: Sequence[tuple[str, str, int]]


def stream_of(trace: Trace) -> Stream | None:
    """Return the line of an answer, None where it came in one chunk or its chunks were not noted."""
    if len(trace.flow) < 2:
        return None
    marks = trace.flow
    end = max(trace.duration_ns or 0, marks[-1].after_ns, 1)
    ticks = [round(100 * min(mark.after_ns, end) / end, 2) for mark in marks]
    start, stop = max(pairwise(ticks), key=lambda pair: pair[1] - pair[0])
    words = (
        f"{plural(marks[-1].chunks, 'chunk')} from {duration(marks[0].after_ns)} to {duration(marks[-1].after_ns)}, "
        f"the longest wait {duration(trace.largest_gap_ns)}"
    )
    rows = [(duration(mark.after_ns), size(mark.bytes), mark.chunks) for mark in marks]
    return Stream(ticks, (start, round(stop - start, 2)), duration(end), words, rows)
