"""A conversation written as one text, a line `role: words` for each message, as OpenLIT writes prompts → messages."""

from __future__ import annotations

import re

_LINE = re.compile(r"^(system|developer|user|human|assistant|ai|tool|function): ?", re.MULTILINE)


def spoken(text: str) -> list[dict[str, str]] | None:
    """Return the messages of a text that begins with a role's name, None where it does not."""
    if _LINE.match(text) is None:
        return None
    marks = list(_LINE.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    said = [(mark[1], text[mark.end() : end].removesuffix("\n")) for mark, end in zip(marks, ends, strict=True)]
    # The absent text of a message that only asks for tools is written as Python's None.
    return [{"role": role, "content": words} for role, words in said if words not in ("", "None")]
