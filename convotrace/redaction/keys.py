"""What keys, tokens and passwords look like inside free text, each with the words without which none can be there.

Patterns run in linear time: every repetition is bounded, or is followed by nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple


class Shape(NamedTuple):
    """One form of a secret.

    Attributes:
        gate: Characters that must all be there: to look for one is thirty times as fast as for a word.
        hints: Of these texts one must be there too.
        pattern: What is then looked for; where it has groups, the one that matched is the secret.
    """

    gate: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]

    def may_be_in(self, text: str) -> bool:
        """Tell whether a text has what this cannot do without."""
        return _has(text, self.gate, self.hints)


class Sieve:
    """Tells at little cost whether a text may hold any of some shapes; asked of every text that is stored.

    Args:
        shapes: What is looked for.
    """

    def __init__(self, shapes: Iterable[Shape]) -> None:
        gates: dict[str, tuple[str, ...]] = {}
        for shape in shapes:
            gates[shape.gate] = gates.get(shape.gate, ()) + shape.hints
        self._looks = [(gate, hints, _stems(gate, hints)) for gate, hints in gates.items()]

    def lets_through(self, text: str) -> bool:
        """Tell whether a text has to be looked at more closely."""
        # A loop, and no generators: this is asked of all that is stored.
        for gate, hints, stems in self._looks:  # noqa: SIM110
            if gate[0] in text and _is_hinted(text, gate, hints, stems):
                return True
        return False


_FEW = 200


def _stems(gate: str, hints: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return what stands in front of a seldom character: it is looked at there, and not looked for everywhere."""
    stems = tuple(hint[:-1].rpartition(gate)[2] for hint in hints if hint.endswith(gate))
    # One letter in front of another says nothing: "er" is in nearly every text.
    return stems if len(stems) == len(hints) and all(len(stem) > 1 for stem in stems) else None


def _is_hinted(text: str, gate: str, hints: tuple[str, ...], stems: tuple[str, ...] | None) -> bool:
    if stems is not None and text.count(gate) <= _FEW:
        return any(piece.endswith(stems) for piece in text.split(gate)[:-1])
    return _has(text, gate[1:], hints)


def _has(text: str, letters: str, hints: tuple[str, ...]) -> bool:
    return all(letter in text for letter in letters) and any(hint in text for hint in hints)


def _shape(gate: str, hints: str, pattern: str, flags: int = 0) -> Shape:
    return Shape(gate, tuple(hints.split()), re.compile(pattern, flags))


_START = r"(?<![A-Za-z0-9])"
_NAMES = (
    r"(?:api[_-]?key|(?:access|refresh|id)[_-]?token|secret|passw(?:or)?d|private[_-]?key"
    r"|authorization)"
)

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
    _shape("YV", "PRIVATE", r"-----BEGIN[A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----))*(?:-----END[A-Z ]{0,30}-----)?"),
    _shape("@", "://", r"://[^\s/:@\"'\\]{0,100}:([^\s/@\"'\\]{1,200})@"),
    _shape(
        "=",
        "key KEY Key oken OKEN secret SECRET Secret assw ASSW authorization Authorization AUTHORIZATION",
        _NAMES + r"(?:%5[bd]|[\"'\])\\]){0,4}=(?!=)(?:\\?\"([^\"\\\n]{1,2000})|\\?'([^'\\\n]{1,2000})"
        r"|([^\s&;,\"'<>()\[\]{}\\]{1,2000})(?![\w.]{0,40}[(\[]))",
        re.IGNORECASE,
    ),
)

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
