"""Re-sent histories: what was said in a conversation as one value, and whether a conversation ends with it.

What clients send again differs in white space from what was said, so white space does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from convotrace.model import Trace

Said = tuple[str, str]
"""Who said it (`user` or `assistant`), and what."""

_TAIL, _KEPT = 400, 100
_NEAR = 150
"""Characters that hold those that are kept of nearly every text."""
_DIGEST = 16


def exchange_hash(asked: str | None, answered: str | None) -> int | None:
    """Return a signed 64-bit hash of the ends of both texts of a turn, None where it has none: an index, no proof."""
    if not asked and not answered:
        return None
    ends = f"{_end(asked)}\0{_end(answered)}"
    return int.from_bytes(blake2b(_raw(ends), digest_size=8).digest(), "big", signed=True)


def last_exchange(history: Sequence[Said]) -> int | None:
    """Return the hash of the last turn of a re-sent history."""
    told = messages(history)
    answered = told.pop()[1] if told and told[-1][0] == "assistant" else None
    return exchange_hash(told[-1][1] if told else None, answered)


def users(history: Iterable[Said]) -> int:
    """Return how many messages of the user a history holds."""
    return sum(role == "user" for role, _ in history)


def summed(history: Sequence[Said]) -> str | None:
    """Return a history as the short text that a trace keeps of it, None for an empty one."""
    return chained("", messages(history)) if history else None


def chained(before: str, said: Iterable[Said]) -> str:
    """Return the sum of a conversation that goes on from another sum; equal conversations have equal sums."""
    for role, text in said:
        before = blake2b(_raw(f"{before}\0{role}\0{text}"), digest_size=_DIGEST).hexdigest()
    return before


def messages(history: Iterable[Said]) -> list[Said]:
    """Return what was said without white space; an answer in several pieces is one."""
    told: list[Said] = []
    for role, text in history:
        squeezed = _squeezed(text)
        if squeezed and role == "assistant" and told and told[-1][0] == role:
            told[-1] = (role, told[-1][1] + squeezed)
        elif squeezed:
            told.append((role, squeezed))
    return told


def said_in(turns: Iterable[Trace]) -> list[Said]:
    """Return what was said in turns, as `messages` does."""
    return messages(_texts(turns))


def _texts(turns: Iterable[Trace]) -> Iterator[Said]:
    for turn in turns:
        yield "user", turn.input.text or ""
        yield "assistant", turn.output.text or ""


def _end(text: str | None) -> str:
    """Return the last of a text without white space."""
    if not text:
        return ""
    found = _squeezed(text[-_NEAR:])
    if len(found) < _KEPT and len(text) > _NEAR:
        found = _squeezed(text[-_TAIL:])
    return found[-_KEPT:]


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
