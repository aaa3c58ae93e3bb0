"""Styles and scripts as they are sent: without comments, indentation and space that says nothing. Names stay.

No parser: only what cannot change a meaning is left out, so that what a browser shows can still be read.
"""

from __future__ import annotations

import re

_STYLE = re.compile(
    r"""(?P<text>"[^"\n]*"|'[^'\n]*')"""
    r"|(?P<comment>\s*/\*.*?\*/\s*)"
    r"|\s*(?P<sign>[{};,>])\s*"
    r"|(?P<colon>:)\s+"
    r"|\s+",
    re.DOTALL,
)
_NOTES = re.compile(r"^[ \t]*(?://[^\n]*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
"""Comments that stand on lines of their own; one behind code may be a part of a text."""
_INDENT = re.compile(r"^[ \t]+|^\n", re.MULTILINE)


def style(css: str) -> str:
    """Return a style sheet that means the same, shorter."""
    return _STYLE.sub(_shorter, css).replace(";}", "}").strip()


def script(code: str) -> str:
    """Return a script that means the same, shorter; one with a text that goes over a line stays as it is."""
    if any(line.count("`") % 2 for line in code.splitlines()):
        return code
    return _INDENT.sub("", _NOTES.sub("", code))


def _shorter(found: re.Match[str]) -> str:
    return found["text"] or found["sign"] or found["colon"] or " "
