"""Changes of one batch put in order before they are written: what is one trace's becomes one, or waits for the earlier.

Pure; what is written for each is decided in `transaction`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convotrace.model import Change


def united(changes: Sequence[Change]) -> tuple[list[int], list[Change]]:
    """Return the changes that are left when those of one trace are one where they can be, and where each then stands.

    A client that sends each span alone would have its trace written anew for every one of them.
    """
    positions: list[int] = []
    groups: list[list[Change]] = []
    open_to: dict[str, int] = {}
    for change in changes:
        trace_id = change.trace.id if change.trace is not None else ""
        at = open_to.pop(trace_id, None) if change.unites is not None else None
        if at is None:
            at = len(groups)
            groups.append([])
        groups[at].append(change)
        positions.append(at)
        if change.unites is None:
            open_to.pop(trace_id, None)
        else:
            open_to[trace_id] = at
    return positions, [_one_of(group) for group in groups]


def spread(written: Sequence[Change | None], positions: Sequence[int]) -> list[Change | None]:
    """Return what was written for each change: what several became is what the last of them wrote."""
    last = {at: position for position, at in enumerate(positions)}
    return [written[at] if last[at] == position else None for position, at in enumerate(positions)]


def runs(changes: Sequence[Change]) -> Iterator[list[int]]:
    """Yield positions in runs that hold each trace once, so that a later state finds the earlier one written."""
    run: list[int] = []
    seen: set[str] = set()
    for position, change in enumerate(changes):
        if change.trace and change.trace.id in seen:
            yield run
            run, seen = [], set()
        if change.trace:
            seen.add(change.trace.id)
        run.append(position)
    yield run


def _one_of(group: Sequence[Change]) -> Change:
    last = group[-1]
    return last.unites(group[:-1]) if len(group) > 1 and last.unites is not None else last
