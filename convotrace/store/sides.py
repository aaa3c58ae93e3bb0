"""Questions about the sessions that began in some time: two groups of them side by side, and where they lose people."""

from __future__ import annotations

from convotrace.errors import BadRequest
from convotrace.insight import arms as sides
from convotrace.insight.arms import Arms
from convotrace.insight.flow import Flow, steps_of
from convotrace.insight.ranges import Range, When, range_of
from convotrace.query import Match, parse
from convotrace.query.nodes import And, joined
from convotrace.store.cohort import cohort
from convotrace.store.flow import flow as read_flow
from convotrace.store.opening import Opened

FIELDS = {
    "release": "release", "environment": "env", "service": "service", "tag": "tag", "user": "user", "model": "model",
    "tool": "tool",
}  # fmt: skip
"""By what two arms can differ, with the term of the filter; and `meta.<name>`."""


def arms(
    opened: Opened, by: str, a: str, b: str, since: When, until: When, q: str | None, most: int, now_ns: int
) -> Arms:
    """Return two arms side by side; see `Store.arms`."""
    span = _range(since, until, now_ns)
    one, other = (cohort(opened, term(by, value, q), span.since_ns, span.until_ns, now_ns, most) for value in (a, b))
    return sides.arms(by, a, b, one, other)


def flow(
    opened: Opened, since: When, until: When, q: str | None, steps: str, at: str, most: int, most_read: int, now_ns: int
) -> Flow:
    """Return where sessions lose people; see `Store.flow`."""
    span, wanted = _range(since, until, now_ns), steps_of(steps)
    return read_flow(opened, q, span.since_ns, span.until_ns, wanted, at, now_ns, most, most_read)


def term(by: str, value: str, q: str | None) -> str:
    """Return the filter of one arm.

    Raises:
        BadRequest: Arms cannot differ in that, or there is no value.
    """
    name = by.partition(".")[2] if by.startswith("meta.") else ""
    if not name and by not in FIELDS:
        raise BadRequest(f"by came as {by[:40]!r}; use one of {', '.join(FIELDS)}, or meta.<name>.")
    if not value:
        raise BadRequest("a and b name the two arms; give a value for each.")
    return str(joined(And, [parse(q or ""), Match("meta." if name else FIELDS[by], value, name=name)]))


def _range(since: When, until: When, now_ns: int) -> Range:
    return range_of(since, until, None, now_ns, is_kept=True)
