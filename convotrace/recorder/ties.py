"""What ties a request to an earlier one whose answer it may have brought: a verb, or names in its address."""

from __future__ import annotations

from typing import Any

from convotrace.exchange import Exchange
from convotrace.identity import Incoming
from convotrace.recorder.open import OpenTrace

_MOST_NAMES = 30


def ties_of(trace: OpenTrace, exchange: Exchange, reply: str | None) -> dict[str, Any]:
    """Return the clues of a request that may have brought the answer of an earlier one, for most requests none."""
    answer = exchange.fetched.text if reply is None else reply
    wanted = _wanted(trace.incoming) if answer is not None and exchange.message.text is None else ()
    if not wanted and trace.continues is None:
        return {}
    ties = {"continues": trace.continues, "wanted": wanted, "answer": answer}
    return {**ties, "span_id": f"{trace.span_id:016x}"}


def _wanted(incoming: Incoming | None) -> tuple[str, ...]:
    """Return under what names a GET may ask for an answer: parts of its address, and all of it."""
    if incoming is None or incoming.method != "GET":
        return ()
    whole = [incoming.path, f"{incoming.path}?{incoming.query_string}"]
    names = [*incoming.path.split("/"), *incoming.query.values(), *whole]
    return tuple(dict.fromkeys(name for name in names if name))[:_MOST_NAMES]
