"""The groups in which turns and calls are summed up, and what stored rows add to each. Pure.

A bucket holds one group, by one dimension, in one minute, hour or day. Rows of `FRESH` are what writers add, minute by
minute, each its own; `folding` brings them into the other three, each of which is whole without the others. So all
there is of a group in some time are the rows of one resolution and the fresh ones, and what `counting` has not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any

import orjson

from convotrace.insight.ranges import DAY_NS, HOUR_NS, HOURS_KEPT_NS, MINUTE_NS, MINUTES_KEPT_NS
from convotrace.insight.sketch import decode, encode
from convotrace.insight.sums import COUNTS, KNOWN, Sums
from convotrace.insight.tally import OTHER
from convotrace.insight.totals import REPEATS_CALL, REPEATS_COST
from convotrace.store.codec import countable
from convotrace.store.rows import BucketRow, TraceRow
from convotrace.store.work import Call

FRESH, MINUTE, HOUR, DAY = range(4)
"""Resolutions, as they are stored."""

WIDTHS = {FRESH: MINUTE_NS, MINUTE: MINUTE_NS, HOUR: HOUR_NS, DAY: DAY_NS}

DIMENSIONS = {"all": 0, "environment": 1, "release": 2, "service": 3, "route": 4, "model": 5, "tool": 6}
"""By what turns are summed up, one at a time, as it is stored; `model` and `tool` sum up calls."""

KEYS_OF_WRITER = 200
"""Keys of one dimension that a writer tells apart in a day."""

LONGEST = 120

TRACE_WORTH = (
    "is_turn", "status", "errors", "duration", "first_byte", *KNOWN, "started", "environment", "release", "service",
    "route",
)  # fmt: skip
"""The columns of a trace that tell what it adds."""

worth_of_trace = itemgetter(*map(TraceRow._fields.index, TRACE_WORTH))

_KNOWN, _PLACE = slice(5, 11), slice(11, 16)
_KIND, _NAME, _CALLED, _CALL_STATUS, _CALL_DURATION, _FIRST_TOKEN, _REPEATS, _TOLD = *range(7), slice(7, 13)
OF_CALLS = _MODEL, _TOOL = DIMENSIONS["model"], DIMENSIONS["tool"]
_OF_TRACES = (1, 2, 3, 4)
_NOTHING: tuple[None, ...] = (None,) * len(KNOWN)
_UNKNOWN = list(_NOTHING)

Group = tuple[int, int, str]
"""A dimension, the minute, a key; an unknown value has the key ""."""


class Worths:
    """What traces and their spans add to the buckets of their minutes."""

    def __init__(self) -> None:
        # Most traces are alike in all that they are grouped by: added up together, and taken apart in `groups`.
        self._traces: dict[tuple[Any, ...], Sums] = {}
        self._calls: dict[tuple[int, int, str | None], Sums] = {}
        self._more: dict[Group, Sums] = {}
        self.traces = 0

    def __bool__(self) -> bool:
        return bool(self._traces or self._calls or self._more)

    def add(self, trace: Sequence[Any], calls: Iterable[Call], sign: int = 1) -> None:
        """Add a trace with its calls, or with a sign of -1 take them back.

        Args:
            trace: Its columns of TRACE_WORTH.
            calls: What is metered of its spans.
            sign: 1 or -1.
        """
        started, environment, release, service, route = trace[_PLACE]
        minute = started - started % MINUTE_NS
        key = (minute, environment, release, service, route)
        sums = self._traces.get(key)
        if sums is None:
            sums = self._traces[key] = Sums()
        self.traces += sign
        add_trace(sums, trace, sign)
        for call in calls:
            is_tool = call[_KIND] == "tool"
            if is_tool:
                add_tool_call(self._call(_TOOL, minute, call[_NAME]), call, sign)
            if not is_tool or is_of_model(call):
                add_model_call(self._call(_MODEL, minute, call[_CALLED]), call, sign)

    def add_groups(self, groups: Iterable[tuple[Group, Sums]]) -> None:
        """Add what was summed up before."""
        for group, sums in groups:
            _merge(self._more, group, sums)

    def groups(self, vocabulary: Vocabulary | None = None) -> dict[Group, Sums]:
        """Return the sums of each group.

        Args:
            vocabulary: Which keys have a group of their own; all when None.
        """
        found: dict[Group, Sums] = {}
        for (minute, *names), sums in self._traces.items():
            _merge(found, (0, minute, ""), sums)
            for kind, name in zip(_OF_TRACES, names, strict=True):
                _merge(found, _group(vocabulary, kind, minute, name), sums)
        for (kind, minute, name), sums in self._calls.items():
            _merge(found, _group(vocabulary, kind, minute, name), sums)
        for (kind, minute, name), sums in self._more.items():
            _merge(found, (kind, minute, name), sums)
        return found

    def _call(self, kind: int, minute: int, name: str | None) -> Sums:
        sums = self._calls.get((kind, minute, name))
        if sums is None:
            sums = self._calls[kind, minute, name] = Sums()
        return sums


def add_trace(sums: Sums, trace: Sequence[Any], sign: int = 1) -> None:
    """Add a trace, given its columns of TRACE_WORTH."""
    is_turn, status, errors, duration, first_byte = trace[:5]
    if is_turn:
        sums.add(sign, is_turn, 1 if errors or status == "error" else 0, errors, duration, first_byte)
    else:
        sums.add(sign, 0, 0, errors)
    known: Any = trace[_KNOWN]
    if known != _NOTHING:
        sums.add_known(sign, *known)


def add_tool_call(sums: Sums, call: Call, sign: int = 1) -> None:
    """Add a call of a tool: how it ended, and how long it took."""
    failed = 1 if call[_CALL_STATUS] == "error" else 0
    sums.add(sign, 1, failed, failed, call[_CALL_DURATION], call[_FIRST_TOKEN])


def is_of_model(call: Call) -> bool:
    """Tell whether a call is one of a model: one of a tool only if it tells of one."""
    return bool(call[_KIND] != "tool" or call[_CALLED] is not None or call[_TOLD] != _NOTHING)


def add_model_call(sums: Sums, call: Call, sign: int = 1) -> None:
    """Add a call of a model, without what another span tells as well."""
    repeats, known = call[_REPEATS] or 0, call[_TOLD]
    if not repeats & REPEATS_CALL:
        add_tool_call(sums, call, sign)
        sums.add_known(sign, *((*known[:-1], None) if repeats else known))
    elif not repeats & REPEATS_COST:
        sums.add_known(sign, None, None, None, None, None, known[-1])


class Vocabulary:
    """The keys that one writer tells apart, each day anew: names that are made up without end must not fill a table."""

    def __init__(self, most: int = KEYS_OF_WRITER) -> None:
        self._most = most
        self._day = 0
        self._keys: dict[int, set[str]] = {}

    def begin(self, now_ns: int) -> None:
        """Forget the keys of another day."""
        if now_ns // DAY_NS != self._day:
            self._day, self._keys = now_ns // DAY_NS, {}

    def admit(self, kind: int, key: str) -> str:
        """Return a key, or that of all others where there is no room."""
        held = self._keys.setdefault(kind, set())
        if key in held:
            return key
        if len(held) >= self._most:
            return OTHER
        held.add(key)
        return key


def key_of(name: str | None) -> str:
    """Return a name as a key: a long one is cut, and told apart by a hash."""
    if name is None or len(name) <= LONGEST:
        return name or ""
    return f"{name[:LONGEST]}…{blake2b(name.encode(), digest_size=8).hexdigest()}"


def merged(parts: Iterable[dict[Group, Sums]]) -> dict[Group, Sums]:
    """Return groups of several sources as one."""
    found: dict[Group, Sums] = {}
    for part in parts:
        for group, sums in part.items():
            _merge(found, group, sums)
    return found


def coarsened(groups: dict[Group, Sums], now_ns: int) -> dict[Group, Sums]:
    """Return groups of minutes as those of hours and days where no finer buckets are kept: of a long time, far fewer.

    An hour before that they stay as they are, since what is a little too old may still be there.
    """
    found: dict[Group, Sums] = {}
    for (kind, at, key), sums in groups.items():
        age = now_ns - at - 2 * HOUR_NS
        width = DAY_NS if age > HOURS_KEPT_NS else HOUR_NS if age > MINUTES_KEPT_NS else MINUTE_NS
        _merge(found, (kind, at - at % width, key), sums)
    return found


def row_of(res: int, group: Group, writer: int, sums: Sums, pack: bool = False) -> BucketRow:
    """Return the row of a bucket."""
    told = [getattr(sums, name) for name in (*COUNTS, *KNOWN)]
    counts: list[Any] = [None if number is None else countable(number) for number in told]
    sketches = [encode(sketch, pack) or None for sketch in (sums.durations, sums.first_bytes)]
    return BucketRow(res, *group, writer, *counts, *sketches)


def sums_of(columns: Sequence[Any], into: Sums | None = None) -> Sums:
    """Return what the columns of a bucket hold, those behind its key, added to what was there."""
    sums = Sums() if into is None else into
    number, traces, failed, errors, duration, first_byte, *known, durations, first_bytes = columns
    sums.count += number
    sums.traces += traces
    sums.failed += failed
    sums.errors += errors
    sums.duration += duration
    sums.first_byte += first_byte
    if known != _UNKNOWN:
        sums.add_known(1, *known)
    if durations is not None or first_bytes is not None:
        sums.add_sketches(decode(durations), decode(first_bytes))
    return sums


def pack_groups(groups: dict[Group, Sums]) -> bytes:
    """Return groups as bytes."""
    rows = (row_of(FRESH, group, 0, sums) for group, sums in groups.items())
    return orjson.dumps([[*row[1:4], *row[5:-2], *((data or b"").hex() for data in row[-2:])] for row in rows])


def unpack_groups(data: bytes) -> Iterator[tuple[Group, Sums]]:
    """Yield the groups that were packed."""
    for kind, at, key, *columns in orjson.loads(data):
        yield (kind, at, key), sums_of([*columns[:-2], *(bytes.fromhex(text) for text in columns[-2:])])


def _group(vocabulary: Vocabulary | None, kind: int, minute: int, name: str | None) -> Group:
    key = key_of(name)
    return kind, minute, key if vocabulary is None else vocabulary.admit(kind, key)


def _merge(found: dict[Group, Sums], group: Group, sums: Sums) -> None:
    held = found.get(group)
    if held is None:
        # One that is here may be merged into, and what it was made of is still counted elsewhere.
        held = found[group] = Sums()
    held.merge(sums)
