"""What a filter finds, as counts: how many sessions, of which kinds, and when. Bounded, whatever the store holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from convotrace.model import Bar, Facet, Facets
from convotrace.store import labels
from convotrace.store.codec import original
from convotrace.store.database import Connection
from convotrace.store.filtering import Condition
from convotrace.store.labels import LONGEST, MORE
from convotrace.store.opening import Opened
from convotrace.store.rows import SessionRow
from convotrace.store.sql import active
from convotrace.store.wanted import Wanted

MOST = 10_000
LOOKED_AT = 2_000
"""Sessions whose values are counted: each takes ten times as long as counting it alone."""

VALUES = 100
"""Values of one field that are returned; the commonest."""

_FEW = 500
"""Of so few sessions the rows tell what they have in common, in two thirds of the time that their labels take: those
are thousands of rows to be sorted. Of more, their rows are more than a processor has at hand, and take longer."""

_BARS_READ = 20_000
_KINDS = {
    labels.OUTCOME: "outcome", labels.HAS: "has", labels.FEEDBACK: "fb", labels.TOOL: "tool", labels.MODEL: "model",
    labels.RELEASE: "release", labels.ENVIRONMENT: "env", labels.TAG: "tag", labels.SERVICE: "service",
}  # fmt: skip
_ANY_KIND = f"+kind IN ({', '.join(map(str, _KINDS))})"
_OTHERS = ("outcome", "errors", "environment", "release", "services", "tags")
_COLUMNS = ", ".join([f"s.{name}" for name in ("facets", *_OTHERS)])
_BLANK = SessionRow._make([None] * len(SessionRow._fields))
_ESCALATED = (labels.HAS, "escalation")

_Count = tuple[int, str, int]
"""Kind and key of a label, and how many sessions have it."""


def facets(opened: Opened, q: str | None, most: int, now_ns: int) -> Facets:
    """Return what the newest sessions of a filter have in common; see `Store.facets`."""
    wanted = Wanted(opened, q, now_ns)
    with opened.connections.reading() as connection:
        found, values = _newest(opened, wanted.conditions(connection), most + 1)
        total = int(connection.execute(f"SELECT count(*) FROM ({found}) AS few", values).fetchone()[0])
        looked_at = min(total, most, LOOKED_AT)
        count = _by_rows if looked_at <= _FEW else _by_labels
        counted = _fields(count(connection, found, [*values[:-1], looked_at]))
    open_ = looked_at - sum(facet.count for facet in counted.get("outcome", ()))
    if open_ > 0:
        counted["outcome"] = (*counted.get("outcome", ()), Facet("open", open_))
    return Facets(min(total, most), total > most, counted, is_sampled=total > looked_at)


def bars(opened: Opened, q: str | None, start_ns: int, width_ns: int, number: int, now_ns: int) -> tuple[Bar, ...]:
    """Return how many sessions were last active in each stretch of time; see `Store.bars`."""
    wanted = Wanted(opened, q, now_ns)
    with opened.connections.reading() as connection:
        found, values = _active(opened, wanted.conditions(connection), start_ns, width_ns, number)
        counted = f"SELECT place, count(*), sum(bad) FROM ({found}) AS few GROUP BY place"
        rows = {int(at): (count, bad) for at, count, bad in connection.execute(counted, values)}
    return tuple(Bar(start_ns + at * width_ns, *rows.get(at, (0, 0))) for at in range(number))


def _active(
    opened: Opened, conditions: list[Condition], start_ns: int, width_ns: int, number: int
) -> tuple[str, list[Any]]:
    """Return the sessions that were active in stretches of time, each with the number of its stretch."""
    until_ns = start_ns + number * width_ns
    if not conditions:
        return opened.sql.active, [start_ns, width_ns, start_ns, until_ns, _BARS_READ]
    text, values = active(opened.tables.session, conditions, start_ns, width_ns, until_ns, _BARS_READ).sql()
    return text, list(values)


def _newest(opened: Opened, conditions: list[Condition], most: int) -> tuple[str, list[Any]]:
    if not conditions:
        return opened.sql.newest, [most]
    session = opened.tables.session
    found = session.select(session.sid).where(*conditions)
    text, values = found.order_by(session.last.desc(), session.sid.desc()).limit(most).sql()
    return text, list(values)


def _fields(counts: list[_Count]) -> dict[str, tuple[Facet, ...]]:
    """Return the values of each field, the commonest first."""
    fields: dict[str, list[Facet]] = {}
    for kind, key, number in sorted(counts, key=lambda one: (one[0], -one[2], one[1])):
        values_of = fields.setdefault(_KINDS[kind], [])
        is_whole = len(key) <= LONGEST and (kind, key) != (labels.FEEDBACK, "any")
        if is_whole and len(values_of) < VALUES:
            values_of.append(Facet(original(key) or "", number))
    return {name: tuple(values_of) for name, values_of in fields.items()}


def _by_labels(connection: Connection, found: str, values: list[Any], kinds: str = _ANY_KIND) -> list[_Count]:
    """Return what sessions have in common, by their labels."""
    counted = connection.execute(
        # In this order, whatever the planner thinks: the labels of few sessions, not the sessions of all labels.
        f"SELECT kind, key, count(*) FROM ({found}) AS found CROSS JOIN label WHERE label.sid = found.sid"
        # By key first: thousands of rows are brought into few groups, and sorting by texts is the quicker way.
        f" AND {kinds} AND key != '{MORE}' GROUP BY key, kind",
        values,
    )
    return counted.fetchall()


def _by_rows(connection: Connection, found: str, values: list[Any]) -> list[_Count]:
    """Return the same by the rows of sessions, of which labels are a copy; but for those that scores bring."""
    asked = f'SELECT {_COLUMNS} FROM ({found}) AS found CROSS JOIN "session" AS s WHERE s.sid = found.sid'
    counts = _told_by(connection.execute(asked, values))
    return counts + _by_labels(connection, found, values, f"kind = {labels.FEEDBACK}")


def _told_by(rows: Iterable[tuple[Any, ...]]) -> list[_Count]:
    found, others = [], []
    for facets, *rest in rows:
        found.append(_of_facets(facets, rest[0]))
        others.append(tuple(rest))
    # Labels as texts of their own: they are hashed once, and found a session in few steps.
    counts = Counter(chain.from_iterable(found))
    for row, number in Counter(others).items():
        for label in _of_others(row):
            counts[label] += number
    parted = [(label.partition(" "), number) for label, number in counts.items()]
    return [(int(kind), key, number) for (kind, _, key), number in parted]


@lru_cache(maxsize=1024)
def _of_facets(facets: str | None, outcome: str) -> tuple[str, ...]:
    # An escalation is told by both, and counts once.
    escalated = {_ESCALATED} if outcome == "escalated" else set()
    return _texts(labels.facets_in(facets) | escalated)


def _of_others(row: tuple[Any, ...]) -> tuple[str, ...]:
    told = dict(zip(_OTHERS, row, strict=True))
    return _texts(labels.labels_of_columns(_BLANK._replace(**told)) - {_ESCALATED})


def _texts(found: labels.Facets) -> tuple[str, ...]:
    return tuple([f"{kind} {key}" for kind, key in found if kind in _KINDS and key != MORE])
