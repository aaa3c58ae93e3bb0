"""Which sessions are kept where only a share of them is (`sample`): a session is kept whole, or not at all.

Decided by a keyed hash of its id, so every process decides alike. What failed or was judged keeps its session from
then on, since nobody samples to lose that. The app never notices: all of this happens in the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convotrace.model import Change, Lookup

_ALL = 1 << 64


class Sample:
    """Decides about changes on their way into the store.

    Args:
        share: Returns how much of the sessions is kept, from 0 to 1.
        secret: Returns the store's key, the same in every process; asked only in the writer.
        left_out: Called once for each finished trace that is not kept.
    """

    def __init__(self, share: Callable[[], float], secret: Callable[[], bytes], left_out: Callable[[], None]) -> None:
        self._share = share
        self._secret = secret
        self._left_out = left_out

    def of(self, change: Change) -> Change:
        """Return a change as it is where its session is kept anyway, else one that looks whether it is."""
        if self._share() >= 1 or (change.decide is None and self._keeps(change)):
            return change
        unites = None if change.unites is None else partial(self._united, change.unites)
        return replace(change, decide=_Choice(self, change), unites=unites)

    def _united(self, unites: Callable[[Sequence[Change]], Change], earlier: Sequence[Change]) -> Change:
        return self.of(unites(earlier))

    def _keeps(self, change: Change) -> bool:
        return self._is_in(change.session.id) or _matters(change)

    def _is_in(self, session_id: str) -> bool:
        raw = session_id.encode("utf-8", "surrogatepass")
        digest = blake2b(raw, digest_size=8, key=self._secret(), person=b"sample").digest()
        return int.from_bytes(digest, "big") < self._share() * _ALL


class _Choice:
    """Decides about one change, inside the transaction that would write it, as often as it is tried."""

    def __init__(self, sample: Sample, change: Change) -> None:
        self._sample, self._change = sample, change
        self._counted = False

    def __call__(self, lookup: Lookup) -> Change | None:
        decide = self._change.decide
        decided: Change | None = self._change if decide is None else decide(lookup)
        if decided is None or self._sample._keeps(decided) or lookup.holds(decided.session.id):
            return decided
        trace = decided.trace
        if trace is not None and trace.status != "running" and not self._counted:
            self._counted = True
            self._sample._left_out()
        return None


def _matters(change: Change) -> bool:
    """Tell whether a change has anything that is kept whatever the sample says."""
    trace = change.trace
    if change.session.scores or trace is None:
        return bool(change.session.scores)
    return bool(trace.errors or trace.scores or any(span.scores for span in trace.spans))
