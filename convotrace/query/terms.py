"""One term into a node: its field looked up, its operator and value checked, with a hint where they do not fit."""

from __future__ import annotations

from difflib import get_close_matches

from convotrace.errors import FilterError
from convotrace.query.fields import FIELDS, Field, find
from convotrace.query.lexing import Token, Value, unquoted
from convotrace.query.nodes import Ago, Compare, Has, Match, Moment, Node, Not, Text, When, Within, quoted
from convotrace.query.values import read_cost, read_count, read_duration, read_moment, read_score

_READERS = {"count": read_count, "cost": read_cost, "duration": read_duration, "score": read_score}
_WANTED = {
    "count": "a whole number such as 5 or 10k",
    "cost": "an amount of US dollars such as 0.05",
    "duration": "a duration such as 150ms, 2s, 5m or 1h30m",
    "score": "a number such as 0.5, or true or false",
}
_LONGEST_SHOWN = 40


def text_node(token: Token) -> Node:
    """Return the node of a text.

    Raises:
        FilterError: It is empty.
    """
    value = token.value
    if value.text:
        return Text(value.text, value.prefix)
    if value.is_quoted:
        raise FilterError("A text is empty", token.at, "Write what to look for between the quotation marks.")
    return Text("*")


def term_node(token: Token) -> Node:
    """Return the node of a term.

    Raises:
        FilterError: There is no such field, or its operator or value does not fit.
    """
    field = find(token.field)
    if field is None:
        raise FilterError(f"There is no field {_shown(token.field)}", token.at, _meant(token))
    operator, value = _operator(field, token)
    if not value.text and not value.prefix:
        raise FilterError(f"{_shown(token.field)} has no value", value.at, f"Write it as {field.example}.")
    if operator not in field.operators:
        offered = " ".join(field.operators)
        raise FilterError(f"{field.name} is not compared by {operator}", token.at, f"It takes {offered}")
    node = _node(field, "=" if operator in (":", "!=") else operator, _own_name(token), value)
    return Not(node) if operator == "!=" else node


def _operator(field: Field, token: Token) -> tuple[str, Value]:
    """Return operator and value; `turns:>5` is as good as `turns>5`."""
    operator, value = token.operator, token.value
    if operator == ":" and ">" in field.operators and not value.is_quoted:
        for longer in (">=", "<=", "!=", ">", "<", "="):
            if value.text.startswith(longer):
                return longer, Value(value.text[len(longer) :], value.at + len(longer), value.prefix)
    return operator, value


def _node(field: Field, operator: str, name: str, value: Value) -> Node:
    if field.measure == "word":
        return _word(field, name, value)
    if value.prefix:
        raise FilterError(f"{field.name} takes no *", value.at + len(value.text), f"Write it as {field.example}.")
    if field.measure in ("choice", "also"):
        chosen = _choice(field, value)
        return Has(chosen) if field.measure == "also" else Match(field.name, chosen)
    if field.measure == "time":
        return When(field.name, _moment(field, value))
    if field.measure == "range":
        return _range(field, value)
    return Compare(field.name, operator, _number(field, value), name)


def _word(field: Field, name: str, value: Value) -> Node:
    star = -1 if value.is_quoted else value.text.find("*")
    if star >= 0:
        hint = f"Put a value that holds one in quotes: {field.name}{name}:{quoted(value.text)}."
        raise FilterError("A * stands only at the end of a value", value.at + star, hint)
    return Match(field.name, value.text, value.prefix, name)


def _choice(field: Field, value: Value) -> str:
    chosen = value.text.lower()
    if chosen in field.choices:
        return chosen
    sentence = f"{field.name} is never {_shown(value.text)}"
    raise FilterError(sentence, value.at, _guess(chosen, field.choices, f"It is one of {', '.join(field.choices)}."))


def _number(field: Field, value: Value) -> int | float:
    number = _READERS[field.measure](value.text)
    if number is None:
        sentence = f"{field.name} cannot be {_shown(value.text)}"
        raise FilterError(sentence, value.at, f"Write {_WANTED[field.measure]}: {field.example}.")
    return number


def _moment(field: Field, value: Value) -> Ago | Moment:
    before, at = read_duration(value.text), read_moment(value.text)
    if before is not None:
        return Ago(before)
    if at is not None:
        return Moment(at)
    hint = "Write a time before now such as 24h or 7d, or a date such as 2026-11-26 or 2026-11-26T12:00Z."
    raise FilterError(f"{field.name} cannot be {_shown(value.text)}", value.at, hint)


def _range(field: Field, value: Value) -> Within:
    first, dots, last = value.text.partition("..")
    if not dots or not (first or last):
        hint = f"Write a time from one moment to another, either of which may be left out: {field.example}."
        raise FilterError(f"{field.name} cannot be {_shown(value.text)}", value.at, hint)
    since = _moment(field, Value(first, value.at)) if first else None
    return Within(field.name, since, _moment(field, Value(last, value.at + len(first) + 2)) if last else None)


def _own_name(token: Token) -> str:
    _, _, name = token.field.partition(".")
    own = unquoted(name) if name.startswith('"') else name
    if token.field.partition(".")[1] and not own:
        raise FilterError("A name is empty", token.at, "Write it behind the dot: meta.plan:pro.")
    return own


def _meant(token: Token) -> str:
    name = token.field.partition(".")[0].lower()
    known = [known.rstrip(".") for known in FIELDS]
    if name in ("meta", "score"):
        return f"Write it with a name behind a dot: {FIELDS[name + '.'].example}."
    if name in known:
        return f"Write it without a dot: {FIELDS[name].example}."
    written = token.field + token.operator + token.value.text
    return _guess(name, known, f"Put it in quotes to look for it as text: {quoted(_cut(written))}.")


def _guess(word: str, known: list[str] | tuple[str, ...], otherwise: str) -> str:
    close = get_close_matches(word[:_LONGEST_SHOWN], known, n=1)
    return f"Did you mean {close[0]}? {otherwise}" if close else otherwise


def _shown(text: str) -> str:
    return f"“{_cut(text)}”"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
