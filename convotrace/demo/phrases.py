"""How the assistant words things, in three languages. No decision is made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from convotrace.demo.language import Language

_WORDING: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "phrases.json").read_text(encoding="utf-8"))
SYSTEM: str = _WORDING["system"]


def phrase(name: str, language: Language, **values: object) -> str:
    """Return a sentence with its gaps filled."""
    sentence: str = _WORDING["sentences"][name][language]
    return sentence.format(**values)


def status(name: str, language: Language) -> str:
    """Return the state of an order in the customer's words."""
    state: str = _WORDING["status"][name][language]
    return state
