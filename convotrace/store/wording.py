"""What is looked for, and what it is looked for in: texts in the form that the index holds, and back for people.

Scripts without spaces between words are set apart, a character a word, and asked for as a phrase: any part is found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from convotrace.errors import BadRequest
from convotrace.store.codec import original

LONGEST = 1 << 16
"""Characters of a text that are indexed."""

MOST_CHARACTERS = 500
MOST_TERMS = 20
SHORTEST_BEGINNING = 2
SNIPPET = 24
"""Words of a snippet."""

OPEN, CLOSE = "\ufdd1", "\ufdd2"
"""Stand around what was found in a snippet: noncharacters, and so in no text."""

# Fixed code points, never the Unicode tables of an interpreter: a row leaves the index by the very words it came with.
# Thai, Lao, Burmese, Khmer; Hangul; radicals, kana, bopomofo, ideographs of every plane; half-width kana.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\u2e80-\u2fdf\u3005-\u3007"
    "\u3021-\u3029\u3031-\u3035\u303b\u303c\u3041-\u3098\u309b-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_APART = re.compile(f"[{_ALONE}]")
_JOINED = re.compile(f" ?({OPEN}?[{_ALONE}]{CLOSE}?) ?")
_TERM = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))(\*?)')
_UNSAFE = re.compile(f"[\0{OPEN}{CLOSE}\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Term:
    """One word or phrase: `prefix` where words may go on behind it, `is_absent` where it must not occur."""

    text: str
    prefix: bool = False
    is_absent: bool = False


def spoken(text: str | None) -> str | None:
    """Return a stored text as the index holds it; changing this needs a new index."""
    if text is None:
        return None
    text = original(text) or ""
    if len(text) > LONGEST:
        text = text[:LONGEST]
    return apart(text)


def terms(text: str) -> list[Term]:
    """Return the words and phrases that a text asks for.

    Words stand apart by spaces, `"…"` is a phrase, `*` behind a word takes all that begin with it, `-` in front of one
    excludes it. What has no letter and no digit is left out.

    Raises:
        BadRequest: It is too long, or asks for nothing.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadRequest(f"q has {len(text):,} characters; use at most {MOST_CHARACTERS}.")
    found = [term for match in _TERM.finditer(text) if any(map(str.isalnum, (term := _term(match)).text))]
    if len(found) > MOST_TERMS:
        raise BadRequest(f"q has {len(found)} words; use at most {MOST_TERMS}.")
    if any(term.prefix and len(term.text) < SHORTEST_BEGINNING for term in found):
        raise BadRequest("q asks for all words that begin with one letter; use at least two letters before the *.")
    if all(term.is_absent for term in found):
        raise BadRequest("q names nothing to look for; use a word or a number, with - only in front of further ones.")
    return found


def marked(snippet: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return a snippet as its writer wrote it, and from where to where in it something was found."""
    parts = _JOINED.sub(r"\1", snippet).split(OPEN)
    text, marks = parts[0], []
    for part in parts[1:]:
        found, _, rest = part.partition(CLOSE)
        marks.append((len(text), len(text) + len(found)))
        text += found + rest
    return text, tuple(marks)


def apart(text: str) -> str:
    """Return a text with the characters of scripts without spaces set apart, and nothing the index cannot hold."""
    if text.isascii():
        return text.replace("\0", " ")
    return _APART.sub(r" \g<0> ", _UNSAFE.sub(" ", text))


def _term(match: re.Match[str]) -> Term:
    minus, quoted, word, star = match.groups()
    if quoted is not None:
        return Term(quoted, bool(star), bool(minus))
    bare = word.rstrip("*")
    return Term(bare, len(bare) < len(word), bool(minus))
