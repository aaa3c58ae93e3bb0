"""The grammar: OR binds weaker than AND, which may be left out; NOT and - bind strongest; parentheses group."""

from __future__ import annotations

from collections.abc import Callable

from convotrace.errors import FilterError
from convotrace.query.lexing import Token, tokens
from convotrace.query.nodes import EVERYTHING, And, Node, Not, Or, joined
from convotrace.query.terms import term_node, text_node

MOST_CHARACTERS = 2000
MOST_TERMS = 100
DEEPEST = 20

_END = "end"


def parse(q: str) -> Node:
    """Return the tree of a filter; of an empty one, what finds everything.

    Args:
        q: The text; moments before now stay as they are written, so the tree does not depend on the time.

    Raises:
        FilterError: It cannot be read; `position` and `hint` say where and what to write instead.
    """
    if len(q) > MOST_CHARACTERS:
        hint = f"Use at most {MOST_CHARACTERS:,} characters; this has {len(q):,}."
        raise FilterError("The filter is too long", MOST_CHARACTERS, hint)
    parser = _Parser(q)
    return EVERYTHING if parser.token.kind == _END else parser.whole()


class _Parser:
    """Recursive descent over the tokens, one ahead."""

    def __init__(self, q: str) -> None:
        self._tokens = tokens(q)
        self._end = Token(_END, len(q))
        self._terms = 0
        self._depth = 0
        self.token = next(self._tokens, self._end)

    def whole(self) -> Node:
        """Return the tree; nothing may be left."""
        node = self._any()
        if self.token.kind == ")":
            hint = "Remove it, or put a text that holds one in quotes."
            raise FilterError("A parenthesis is closed that was never opened", self.token.at, hint)
        return node

    def _any(self) -> Node:
        parts = [self._all()]
        while self.token.kind == "OR":
            self._advance()
            parts.append(self._all())
        return joined(Or, parts)

    def _all(self) -> Node:
        parts = [self._one()]
        while self.token.kind not in (_END, ")", "OR"):
            if self.token.kind == "AND":
                self._advance()
            parts.append(self._one())
        return joined(And, parts)

    def _one(self) -> Node:
        token = self.token
        if token.kind in ("NOT", "-"):
            return self._deeper(token, self._not)
        if token.kind == "(":
            return self._deeper(token, self._group)
        if token.kind not in ("text", "term"):
            raise self._missing(token)
        self._count(token)
        self._advance()
        return text_node(token) if token.kind == "text" else term_node(token)

    def _not(self) -> Node:
        self._advance()
        return Not(self._one())

    def _group(self) -> Node:
        opened = self.token
        self._advance()
        node = self._any()
        if self.token.kind != ")":
            hint = "Add a ) behind the group, or put a text that holds a ( in quotes."
            raise FilterError("A parenthesis is never closed", opened.at, hint)
        self._advance()
        return node

    def _deeper(self, token: Token, read: Callable[[], Node]) -> Node:
        if self._depth == DEEPEST:
            raise FilterError("The filter is nested too deeply", token.at, f"Use at most {DEEPEST} levels.")
        self._depth += 1
        node = read()
        self._depth -= 1
        return node

    def _count(self, token: Token) -> None:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise FilterError("The filter has too many terms", token.at, f"Use at most {MOST_TERMS}.")

    def _advance(self) -> None:
        self.token = next(self._tokens, self._end)

    def _missing(self, token: Token) -> FilterError:
        what = {_END: "The filter ends", ")": "A parenthesis is closed"}.get(token.kind, f"{token.kind} stands")
        hint = 'Write a term such as user:ann or a text there; the words AND, OR and NOT as texts go in quotes: "AND".'
        return FilterError(f"{what} where a term is missing", token.at, hint)
