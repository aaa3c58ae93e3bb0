"""A text as the words it says, for comparing: case and accents do not count, scripts without spaces go by character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set

LONGEST = 4000
"""Characters of a text that are looked at: what a person says again is said in fewer."""

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7ff\u0e00-\u0eff]|[^\W_]+(?:['’][^\W_]+)*")
_FOLDED = bytes([ord(chr(code).lower()) if chr(code).isalnum() else 32 for code in range(128)] + [32] * 128)
_MARKS = re.compile(r"[\u0300-\u036f]")


def words(text: str | None, longest: int = LONGEST) -> list[str]:
    """Return the words of a text in order, folded."""
    text = (text or "")[:longest]
    if text.isascii() and "'" not in text:  # the same in a sixth of the time, and most texts are such
        return text.encode().translate(_FOLDED).decode().split()
    folded = text.casefold()
    folded = _MARKS.sub("", unicodedata.normalize("NFD", folded))
    return _WORD.findall(unicodedata.normalize("NFC", folded))


def likeness(one: Set[str], other: Set[str]) -> float:
    """Return how alike two sets of words are, from 0 to 1 (Jaccard 1912: what is common over all there is)."""
    # A session compares each turn with those before it, so no set is made of all there is.
    common = len(one & other)
    together = len(one) + len(other) - common
    return common / together if together else 0.0
