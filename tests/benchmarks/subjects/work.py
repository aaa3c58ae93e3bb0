"""The work of one request, the same for every subject: five steps of about six attributes each, one with 3 KB of text.

Texts differ from request to request, as those of users do: nobody stores the same text once for all.
"""

from __future__ import annotations

import random

_random = random.Random(11)
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "ou", "er", "an")]
_WORDS = ["".join(_random.choices(_SYLLABLES, k=_random.randint(1, 4))) for _ in range(3000)]
_POOL = 1024


def text(size: int) -> str:
    """Return so many characters of words that nobody said before."""
    found = ""
    while len(found) < size:
        found += " ".join(_random.choices(_WORDS, k=size // 5)) + " "
    return found[:size]


PROMPTS = [text(2048) for _ in range(_POOL)]
COMPLETIONS = [text(1024) for _ in range(_POOL)]

PLAN = {
    "app.team": "support",
    "app.plan": "pro",
    "app.locale": "en",
    "app.attempt": 1,
    "app.cached": False,
    "app.tier": 2,
}
SEARCH = {"index": "articles", "top_k": 3, "app.shard": "b", "app.rerank": False}
CHAT = {"temperature": 0.2, "max_tokens": 512, "app.stream": False}
TOOL = {"app.retries": 0, "app.region": "eu", "app.idempotent": True, "app.version": "v2"}
FORMAT = {
    "app.template": "reply",
    "app.locale": "en",
    "app.length": 1024,
    "app.html": False,
    "app.links": 2,
    "app.cut": False,
}
DOCUMENT = "Returns are free within 30 days."


def prompt(number: int) -> str:
    """Return the 2 KB that go to the model with a request."""
    return PROMPTS[number % _POOL]


def completion(number: int) -> str:
    """Return the 1 KB that come back."""
    return COMPLETIONS[number % _POOL]
