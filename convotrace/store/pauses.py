"""Alert rules that somebody has paused, by their names; until they go on, nothing of them is read or told."""

from __future__ import annotations

from convotrace.store.named import Named
from convotrace.store.opening import Opened

_KEPT = Named("paused")


def paused(opened: Opened) -> dict[str, int]:
    """Return the names of paused rules, each with the moment since when."""
    return {name: int(document.get("since", 0)) for name, document in _KEPT.all(opened).items()}


def pause(opened: Opened, rule: str, now_ns: int) -> None:
    """Pause a rule; one that is paused already stays so."""
    if rule not in paused(opened):
        _KEPT.put(opened, rule, {"since": now_ns})


def go_on(opened: Opened, rule: str) -> None:
    """Let a rule go on; one that is not paused is no fault."""
    _KEPT.drop(opened, rule)
