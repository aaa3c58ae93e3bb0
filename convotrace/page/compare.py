"""Two sessions side by side, aligned by turn: what was said, called and answered on each side; the same as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from convotrace.identity import session_key
from convotrace.insight.alignment import Pair, Place, aligned
from convotrace.insight.differences import Line, compared, is_same
from convotrace.model import Conversation, Json, Session, Span, Trace
from convotrace.page import format
from convotrace.page.http import PageResponse, as_data, wrong
from convotrace.page.list import title
from convotrace.page.render import page as render
from convotrace.page.signs import kinds_of
from convotrace.page.visit import Visit

_ROWS = 60
_CALLS = frozenset({"tool", "retrieval", "http", "guardrail"})


@dataclass(frozen=True)
class _Side:
    """One turn of a pair."""

    trace: Trace
    href: str
    calls: Sequence[Span]
    answer: Sequence[Line]
    versions: Sequence[Trace]


@dataclass(frozen=True)
class _Row:
    left: _Side | None
    right: _Side | None
    is_same: bool


@dataclass(frozen=True)
class _Total:
    """One number of both sessions; `change` is empty where it cannot be told or is none."""

    name: str
    left: str
    right: str
    change: str


def page(visit: Visit) -> PageResponse:
    """Return two sessions as a page; without both, a form that asks for them."""
    asked, found = _found(visit)
    if len(found) < 2:
        missing = [one for one in asked if one not in {c.session.key for c in found} | {c.session.id for c in found}]
        view: dict[str, object] = {"asked": [*asked, "", ""][:2], "missing": missing, "both": None}
        return render("compare.html", {**visit.frame("sessions"), "marks": True, **view})
    start = _start(visit.request.fields().get("from"))
    pairs = aligned(found[0].traces, found[1].traces)
    rows = [_row(pair, found) for pair in pairs[start : start + _ROWS]]
    sides = [side for row in rows for side in (row.left, row.right) if side]
    view = {
        "asked": [one.session.key for one in found], "missing": [], "rows": rows,
        "both": [(one.session, title(one.session)) for one in found],
        "totals": list(_totals(found[0].session, found[1].session)),
        "count": len(pairs), "first": start + 1, "last": start + len(rows),
        "swapped": _address([found[1], found[0]], 0), "json": _address(found, 0, "compare.json"),
        "earlier": _address(found, max(start - _ROWS, 0)) if start else None,
        "later": _address(found, start + _ROWS) if start + _ROWS < len(pairs) else None,
    }  # fmt: skip
    frame = {**visit.frame("sessions"), "marks": True, "kinds": kinds_of(side.trace for side in sides)}
    return render("compare.html", {**frame, **view})


def data(visit: Visit) -> PageResponse:
    """Return which turns of two sessions stand beside each other, as JSON."""
    _, found = _found(visit)
    if len(found) < 2:
        return wrong("Name two sessions that are stored: compare.json?s=…&s=….", 404, as_json=True)
    pairs: list[Json] = [
        {"left": _named(pair.left), "right": _named(pair.right)} for pair in aligned(found[0].traces, found[1].traces)
    ]
    return as_data({"sessions": [one.session.id for one in found], "pairs": pairs})


def _named(place: Place | None) -> Json:
    if place is None:
        return None
    return {"trace_id": place.turn.id, "turn": place.turn.turn, "versions": [turn.id for turn in place.versions]}


def _found(visit: Visit) -> tuple[list[str], list[Conversation]]:
    """Return what was asked for, and those of it that are stored: named by key, by id, or by the address of a page."""
    asked = [value.strip() for name, value in parse_qsl(visit.request.query, max_num_fields=60) if name == "s"]
    asked = [one for one in asked if one][:2]
    reader = visit.reader()
    read = [reader.session_by_key(_key(one)) or reader.session_by_key(session_key(one)) for one in asked]
    return asked, [one for one in read if one is not None]


def _key(text: str) -> str:
    return text.partition("/s/")[2].partition("/")[0].partition("#")[0].partition("?")[0] if "/s/" in text else text


def _row(pair: Pair, found: Sequence[Conversation]) -> _Row:
    lines = _lines(pair)
    old = [line for line in lines if line.change != "added"]
    new = [line for line in lines if line.change != "removed"]
    return _Row(
        _side(pair.left, found[0], old), _side(pair.right, found[1], new),
        pair.left is not None and pair.right is not None and is_same(lines),
    )  # fmt: skip


def _lines(pair: Pair) -> tuple[Line, ...]:
    """Return the answers of a pair line by line; of a turn that stands alone nothing is marked."""
    left, right = _answer(pair.left), _answer(pair.right)
    if pair.left is None or pair.right is None:
        return compared(left or right, left or right)
    return compared(left, right)


def _answer(place: Place | None) -> str:
    return (place.turn.output.text or "") if place else ""


def _side(place: Place | None, of: Conversation, answer: Sequence[Line]) -> _Side | None:
    if place is None:
        return None
    calls = [span for span in place.turn.spans if span.kind in _CALLS]
    return _Side(place.turn, f"s/{of.session.key}#t{place.turn.id}", calls, answer, place.versions)


def _totals(left: Session, right: Session) -> Iterable[_Total]:
    """Yield in what the two sessions differ; what is equal on both sides says nothing."""
    for name, of, words in _NUMBERS:
        one, other = of(left), of(right)
        if one != other:
            yield _Total(name, words(one), words(other), _change(one, other, words))
    for name, said in (("outcome", "outcome"), ("release", "release"), ("environment", "environment")):
        one, other = getattr(left, said), getattr(right, said)
        if one != other:
            yield _Total(name, one or "–", other or "–", "")


def _change(one: int | None, other: int | None, words: Callable[[int | None], str]) -> str:
    if one is None or other is None or one == other:
        return ""
    return ("+" if other > one else "−") + words(abs(other - one))


_NUMBERS: tuple[tuple[str, Callable[[Session], int | None], Callable[[int | None], str]], ...] = (
    ("turns", lambda one: one.turns, format.count),
    ("errors", lambda one: one.errors, format.count),
    ("tokens in", lambda one: one.input_tokens, format.tokens),
    ("tokens out", lambda one: one.output_tokens, format.tokens),
    ("cost", lambda one: one.cost_nano, format.cost),
    ("p50 of a turn", lambda one: one.p50_ns, format.duration),
    ("first byte", lambda one: one.first_byte_ns, format.duration),
    ("lasted", lambda one: one.last_ns - one.started_ns, format.duration),
)


def _start(text: str | None) -> int:
    return int(text[:9]) if text and text.isascii() and text.isdigit() else 0


def _address(found: Sequence[Conversation], start: int, page: str = "compare") -> str:
    fields = [("s", one.session.key) for one in found]
    return f"{page}?" + urlencode([*fields, *([("from", str(start))] if start else [])])
