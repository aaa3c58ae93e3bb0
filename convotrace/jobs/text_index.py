"""The jobs that keep the text index of a store full and tidy; how that is done is in `store.indexing`."""

from __future__ import annotations

from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.store import Store

FILL_NS = 3 * SECOND_NS
"""How long what was said may stay out of the index; a search takes it in by itself."""

TIDY_NS = 24 * 3600 * SECOND_NS
"""How long the words of deleted rows may stay in its bytes; `forget` wipes them itself."""


def fill(store: Store, _now_ns: int, go_on: GoOn) -> None:
    """Take in what is not in the index yet."""
    for _ in store.index(go_on):
        continue


def tidy(store: Store, _now_ns: int, go_on: GoOn) -> None:
    """Bring the index into one piece."""
    store.tidy_index(go_on)


JOBS = (Job("text index", FILL_NS, fill, Store.waits_for_index), Job("tidy text index", TIDY_NS, tidy))
