"""Texts of people and models on a terminal: nothing in them moves the cursor or changes its colours."""

from __future__ import annotations


def harmless(text: str) -> str:
    """Return a text with its line breaks, and without any other character that a terminal would act on."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" if c != "\t" else "    " for c in text)


def on_one_line(text: str, longest: int) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(harmless(text[: 4 * longest]).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
