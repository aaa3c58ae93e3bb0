"""Characters that cannot be seen, made visible: for raw views, ids and the text of machines."""

from __future__ import annotations

import re

# Controls but tab and newline; zero-width and joining characters; direction marks and overrides; separators; BOM; tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
# What HTML itself cannot carry, as characters and as their bytes in UTF-8, where nothing else has these.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNSAFE_BYTES = bytes(code for code in range(128) if _UNSAFE.match(chr(code)))


def visible(text: str) -> str:
    """Return a text with every unseen character written as an escape, such as \\u202e."""
    if text.isascii() and text.isprintable():  # a fifth of the time, and most texts are such
        return text
    return _UNSEEN.sub(_escape, text)


def without_unseen(text: str) -> str:
    """Return a text without the characters that cannot be seen."""
    return _UNSEEN.sub("", text)


def carriable(text: str) -> bytes:
    """Return a page as UTF-8 without what that or browsers do not carry.

    Lone surrogates become escapes, and control characters their pictures.
    """
    page = text.encode("utf-8", "backslashreplace")
    # Looked for in bytes: in a page of 200 kB that takes 0.04 ms, and by the pattern half a one.
    if len(page.translate(None, _UNSAFE_BYTES)) == len(page):
        return page
    return _UNSAFE.sub(_picture, text).encode("utf-8", "backslashreplace")


def _picture(match: re.Match[str]) -> str:
    return "␡" if match[0] == "\x7f" else chr(0x2400 + ord(match[0]))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
