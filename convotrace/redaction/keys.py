"""What keys, tokens and passwords look like inside free text, each with the words without which none can be there.

Patterns run in linear time: every repetition is bounded, or is followed by nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Shape(NamedTuple):
    """One form of a secret.

    Attributes:
        gate: Characters that must all be there: to look for one is thirty times as fast as for a word.
        hints: Of these texts one must be there too.
        pattern: What is then looked for; where it has groups, the one that matched is the secret.
        before: Tells by what stands in front of a gate of one character whether this may be there, better than hints.
        may: Tells whether this may be there, in the place of hints.
    """

    gate: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    before: Callable[[str], bool] | None = None
    may: Callable[[str], bool] | None = None

    def may_be_in(self, text: str) -> bool:
        """Tell whether a text has what this cannot do without."""
        return _has(text, self.gate, self.hints) if self.may is None else self.gate in text and self.may(text)


class _Look(NamedTuple):
    """What is looked for behind one gate.

    Attributes:
        gate: As that of the shapes.
        hints: Those of all of them.
        before: Tells more, where there are few gates.
        apart: How many letters there must be for each gate: then to look at each takes no longer than the rest would.
    """

    gate: str
    hints: tuple[str, ...]
    before: Callable[[str], bool] | None
    apart: int

    def finds_something(self, text: str) -> bool:
        """Tell whether a text in which the first character of the gate stands may hold one of the shapes."""
        gate = self.gate
        if self.before is not None and text.count(gate) * self.apart <= len(text):
            return any(map(self.before, text.split(gate)[:-1]))
        return _has(text, gate[1:], self.hints)


class Sieve:
    """Tells at little cost whether a text may hold any of some shapes; asked of every text that is stored.

    Args:
        shapes: What is looked for.
    """

    def __init__(self, shapes: Iterable[Shape]) -> None:
        gates: dict[str, list[Shape]] = {}
        self._looks: list[tuple[str, Callable[[str], bool]]] = []
        for shape in shapes:
            if shape.may is None:
                gates.setdefault(shape.gate, []).append(shape)
            else:
                self._looks.append((shape.gate, shape.may))
        self._looks += [(gate[0], _look(gate, behind).finds_something) for gate, behind in gates.items()]

    def lets_through(self, text: str) -> bool:
        """Tell whether a text has to be looked at more closely."""
        # A loop, and no generator: this is asked of all that is stored.
        for letter, finds_something in self._looks:  # noqa: SIM110
            if letter in text and finds_something(text):
                return True
        return False


_A_PIECE = 250
"""To look for a word in so many letters takes as long as to look at what stands before a gate."""
_APART = 20
"""Where nothing but the pattern tells more: it takes a hundred times as long as a look for a word."""


def _look(gate: str, shapes: Sequence[Shape]) -> _Look:
    hints = tuple(hint for shape in shapes for hint in shape.hints)
    if len(shapes) == 1 and shapes[0].before is not None:
        return _Look(gate, hints, shapes[0].before, _APART)
    return _Look(gate, hints, _by_stems(gate, hints), _A_PIECE // len(hints))


def _by_stems(gate: str, hints: tuple[str, ...]) -> Callable[[str], bool] | None:
    """Return what tells whether a hint stands at a gate, None where the gate is not what all of them end with."""
    stems = tuple(hint[:-1].rpartition(gate)[2] for hint in hints if hint.endswith(gate))
    # One letter in front of another says nothing: "er" is in nearly every text.
    if len(stems) < len(hints) or any(len(stem) < 2 for stem in stems):
        return None
    return lambda piece: piece.endswith(stems)


def _has(text: str, letters: str, hints: tuple[str, ...]) -> bool:
    # Loops, and no generators: this is asked of all that is stored.
    for letter in letters:
        if letter not in text:
            return False
    for hint in hints:  # noqa: SIM110
        if hint in text:
            return True
    return False


def _shape(
    gate: str, hints: str, pattern: str, flags: int = 0,
    before: Callable[[str], bool] | None = None, may: Callable[[str], bool] | None = None,
) -> Shape:  # fmt: skip
    return Shape(gate, tuple(hints.split()), re.compile(pattern, flags), before, may)


_START = r"(?<![A-Za-z0-9])"
_NAMES = (
    r"(?:(?:api|private|secret|secret[_-]?access)[_-]?key|(?:access|refresh|id)[_-]?token|secret|passw(?:or)?d"
    r"|authorization)"
)
_CLOSED = r"(?:%5[bd]|[\"'\[\])\\]){0,4}"
"""What may stand between a name and its sign of equality."""
_NAMED = re.compile(_NAMES + _CLOSED + r"\Z", re.IGNORECASE)
_NAMED_ENDS = (
    "key", "token", "secret", "passwd", "password", "authorization", '"', "'", "]", ")", "\\", "%5b", "%5d",
)  # fmt: skip
_LONGEST_NAMED = 32
_QUOTE = r"\\{0,7}[\"']"
_QUOTED = r"(?:\\{0,7}\"(?!\[redacted)([^\"\\\n]{1,2000})|\\{0,7}'(?!\[redacted)([^'\\\n]{1,2000}))"
_PERCENT = r"%(?:25){0,2}"
"""In an address inside of an address the sign itself is escaped."""
_WORDS = ("key", "token", "secret", "passw", "authorization", "cookie")
_LAST = (
    "key", "Key", "KEY", "ken", "Ken", "KEN", "ret", "RET", "ord", "ORD", "swd", "SWD",
    'y"', 'n"', 't"', 'd"', 'Y"', 'N"', 'T"', 'D"', "y'", "n'", "t'", "d'", "Y'", "N'", "T'", "D'", '\\"', "\\'",
)  # fmt: skip
"""What the name of a secret ends with, quoted or not."""
_LAST_OF_ALL = frozenset(end[-1] for end in _LAST)
_BEFORE_COLON = re.compile(rf"{_NAMES}(?:{_QUOTE})?\Z", re.IGNORECASE)


def _is_named_by_colon(text: str) -> bool:
    """Tell whether the name of a secret stands before a colon."""
    # Nearly all that stands before a colon is told apart by its last letter.
    pieces = [piece for piece in text.split(":") if piece[-1:] in _LAST_OF_ALL and piece.endswith(_LAST)]
    return any(_BEFORE_COLON.search(piece[-_LONGEST_NAMED:]) for piece in pieces)


def _is_named_in_pair(text: str) -> bool:
    """Tell whether a text holds a pair, and the name of a secret somewhere."""
    return any(sign in text for sign in ("('", "(b'", '("', '(b"')) and _has_word(text)


def _is_named_in_address(text: str) -> bool:
    """Tell whether a text holds an address in an address, and the name of a secret somewhere."""
    return ("%3" in text or "%253" in text) and _has_word(text)


def _has_word(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in _WORDS)


def _is_named(piece: str) -> bool:
    """Tell whether a text ends with the name of a secret."""
    end = piece[-_LONGEST_NAMED:]
    return end.lower().endswith(_NAMED_ENDS) and _NAMED.search(end) is not None


KEYS = (
    _shape("-", "sk-", _START + r"sk-(?:[A-Za-z0-9_-]{20,}|(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{8,})"),
    _shape("_", "_live_ _test_", _START + r"(?:sk|rk|pk|whsec)_(?:live|test)_[A-Za-z0-9]{8,}"),
    _shape("AI", "AKIA ASIA", _START + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    _shape("_", "ghp_ gho_ ghu_ ghs_ ghr_", _START + r"gh[opusr]_[A-Za-z0-9]{16,}"),
    _shape("-", "glpat-", _START + r"glpat-[A-Za-z0-9_-]{16,}"),
    _shape("_", "github_pat_", _START + r"github_pat_[A-Za-z0-9_-]{16,}"),
    _shape("-", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _shape("AIz", "AIza", _START + r"AIza[A-Za-z0-9_-]{30,}"),
    _shape("_", "hf_ gsk_ npm_ r8_", _START + r"(?:hf|gsk|npm|r8)_[A-Za-z0-9]{20,}"),
    _shape("-", "pypi- nvapi- xai- pplx-", _START + r"(?:pypi|nvapi|xai|pplx)-[A-Za-z0-9_-]{20,}"),
    _shape("SG", "SG.", _START + r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _shape("J", "eyJ", _START + r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"),
    _shape(
        "YV", "PRIVATE",
        r"-----BEGIN[A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----))*(?:-----END[A-Z ]{0,30}-----)?",
    ),
    _shape("@", "://", r"://[^\s/:@\"'\\]{0,100}:([^\s/\"'\\]{1,200})@"),
    _shape(
        "=",
        "key KEY Key oken OKEN secret SECRET Secret assw ASSW assW authorization Authorization AUTHORIZATION",
        _NAMES + _CLOSED + r"=(?!=)(?:\\?\"([^\"\\\n]{1,2000})|\\?'([^'\\\n]{1,2000})"
        r"|([^\s&;,\"'<>()\[\]{}\\]{1,2000})(?![\w.]{0,40}[(\[]))",
        re.IGNORECASE,
        _is_named,
    ),
    # In what is told of a mapping, such as the text of an error: {'password': 'x'}, "api_key": "x", x-api-key: x1y2z3.
    # Where no quote says so, a value has a digit: "password: required" is none.
    _shape(
        ":", "", _NAMES + rf"(?:{_QUOTE})?:[ \t]{{0,3}}(?:b?{_QUOTED}"
        r"|(?=[^\s:&;,\"'<>()\[\]{}\\]{0,100}[0-9])([^\s;,\"'<>()\[\]{}\\]{6,2000}))",
        re.IGNORECASE, may=_is_named_by_colon,
    ),
    # In what is told of a list of headers: (b'x-api-key', b'x').
    _shape(
        "(", "", rf"\(b?{_QUOTE}[\w-]{{0,40}}(?:{_NAMES}|cookie){_QUOTE},[ ]?b?{_QUOTED}{_QUOTE}\)", re.IGNORECASE,
        may=_is_named_in_pair,
    ),
    # In an address inside of another one, or JSON in an address: password%3Dx, %22password%22%3A%22x%22.
    _shape(
        "%", "", _NAMES + rf"(?:{_PERCENT}(?:5[bd]|22|27)){{0,4}}{_PERCENT}(?:3d|3a(?:%20|\+)?{_PERCENT}2[27])"
        r"(?!\[redacted)((?:[^\s&;,\"'<>%\\]|%(?!(?:25){0,2}(?:2[2367c]|3b))){1,2000})",
        re.IGNORECASE, may=_is_named_in_address,
    ),
)  # fmt: skip

AUTHORIZATION = (
    _shape("r", "earer", r"\bbearer[ \t]{1,3}([A-Za-z0-9._~+/=-]{20,}|(?=[A-Za-z._~+/=-]{0,20}[0-9])"
           r"[A-Za-z0-9._~+/=-]{6,})", re.IGNORECASE),
    _shape("c", "asic", r"\bbasic[ \t]{1,3}([A-Za-z0-9+/]{4,2000}={0,2})(?![A-Za-z0-9+/])", re.IGNORECASE),
    _shape("z", "uthorization", r"authorization[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?"
        r"(?![A-Za-z]{0,20}[ \t]{0,3}\[redacted)"
           r"(?:[A-Za-z]{1,20}[ \t]{1,3})?"
           r"([^\s\"',;\[\]]{4,})", re.IGNORECASE),
)  # fmt: skip

COOKIES = (
    _shape("=", "ookie", r"\bcookie[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?([^\s=:;,\"'\[\]]{1,40}=[^\r\n\"'\[\]]{1,4000})",
           re.IGNORECASE),
)  # fmt: skip


def is_basic(token: str) -> bool:
    """Tell whether a text is a user and a password as HTTP's basic authorization writes them, and no plain word."""
    try:
        return b":" in base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
