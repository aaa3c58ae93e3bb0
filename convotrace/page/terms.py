"""The filter text as what is chosen: a term put in, taken out, or asked for, without touching the rest; addresses."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from convotrace.query import And, Compare, Has, Match, Node, Or, When, Within, parse
from convotrace.query.nodes import joined


def address(q: str, order: str = "-last", after: str | None = None) -> str:
    """Return the address of the list with a filter, relative to the mount."""
    fields = {"q": q, "order": "" if order == "-last" else order, "after": after or ""}
    given = {name: value for name, value in fields.items() if value}
    return "./?" + urlencode(given, errors="replace") if given else "./"


def parts(q: str) -> tuple[Node, ...]:
    """Return the terms that must all be fulfilled."""
    node = parse(q)
    return node.parts if isinstance(node, And) else (node,)


def chosen(found: Sequence[Node], field: str) -> tuple[str, ...]:
    """Return the values of a field that a filter names, any of which is enough."""
    return next((values for part in found if (values := _values(part, field))), ())


def without(found: Sequence[Node], field: str) -> list[Node]:
    """Return the terms but those that choose values of a field."""
    return [part for part in found if not _values(part, field)]


def toggled(found: Sequence[Node], field: str, value: str) -> str:
    """Return a filter in which one value of a field is chosen, or no more where it was."""
    now = chosen(found, field)
    then = tuple(one for one in now if one != value) if value in now else (*now, value)
    term = [joined(Or, [_term(field, one) for one in then])] if then else []
    return text([*without(found, field), *term])


def since(found: Sequence[Node], words: str) -> str:
    """Return a filter for what was active since then; of all time where no words are given."""
    rest = text([part for part in found if not isinstance(part, When)])
    return f"{rest} since:{words}".strip() if words else rest


def since_of(found: Sequence[Node]) -> str:
    """Return since when a filter asks, as it is written; nothing where it asks for all time."""
    return next((str(part.moment) for part in found if isinstance(part, When) and part.field == "since"), "")


def asks_for_errors(found: Sequence[Node]) -> bool:
    """Tell whether a filter wants sessions in which something failed."""
    return any(map(_fails, found))


def text(found: Sequence[Node]) -> str:
    """Return terms as the text of a filter."""
    return str(joined(And, found)) if found else ""


def _fails(part: Node) -> bool:
    if isinstance(part, Compare):
        return part.field == "errors" and part.operator in (">", ">=")
    return part == Has("error") or (isinstance(part, Within) and part.field == "failing")


def _values(part: Node, field: str) -> tuple[str, ...]:
    alternatives = part.parts if isinstance(part, Or) else (part,)
    values = tuple(_value(one, field) for one in alternatives)
    return tuple(value for value in values if value is not None) if None not in values else ()


def _value(part: Node, field: str) -> str | None:
    if field == "has" and isinstance(part, Has):
        return part.what
    return part.value if isinstance(part, Match) and part.field == field and not part.prefix else None


def _term(field: str, value: str) -> Node:
    return Has(value) if field == "has" else Match(field, value)
