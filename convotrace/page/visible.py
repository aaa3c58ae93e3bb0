"""Characters that cannot be seen, made visible: for raw views, ids and the text of machines."""

from __future__ import annotations

import re

# Controls but tab and newline; zero-width and joining characters; direction marks and overrides; separators; BOM; tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
# What HTML itself cannot carry.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def visible(text: str) -> str:
    """Return a text with every unseen character written as an escape, such as \\u202e."""
    return _UNSEEN.sub(_escape, text)


def without_unseen(text: str) -> str:
    """Return a text without the characters that cannot be seen."""
    return _UNSEEN.sub("", text)


def carriable(text: str) -> str:
    """Return a page without control characters, which browsers drop or change: they become their pictures."""
    return _UNSAFE.sub(lambda match: "␡" if match[0] == "\x7f" else chr(0x2400 + ord(match[0])), text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
