"""Looking for a text inside one session: which turns say it, at which of them the reader is, and the ways on.

All of it is in the address: `?find=` is the text, `&hit=` the number of the turn found. What says it, the store knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from convotrace.model import Mention, Trace
from convotrace.page.visit import Visit

MOST_CHARACTERS = 200
LEAD = 2
"""Turns shown before the one that was found: what it answers to."""
_AT = "#found"


@dataclass(frozen=True)
class Found:
    """What was looked for in a session, and what came of it."""

    text: str = ""
    hits: Sequence[Mention] = ()
    at: int = 0
    """Number of the hit that is shown, from 1; 0 where there is none."""

    @property
    def hit(self) -> Mention | None:
        """Return the turn that is shown, None where nothing was found."""
        return self.hits[self.at - 1] if self.at else None

    def way(self, by: int, zoom: str) -> str:
        """Return the address of the hit so many further on; behind the last one comes the first."""
        at = (self.at - 1 + by) % len(self.hits) + 1
        return "?" + self.fields(zoom, at) + _AT

    def fields(self, zoom: str, at: int | None = None) -> str:
        """Return what an address of this session carries along: the zoom, the text, the hit where one is named."""
        fields = {"zoom": zoom if zoom != "transcript" else "", "find": self.text, "hit": at}
        return urlencode({name: value for name, value in fields.items() if value}, errors="replace")

    def mark(self, trace: Trace) -> str:
        """Return how a turn is marked: `at` where it is the hit that is shown, `also` for another one, else ""."""
        place = (trace.id, trace.started_ns)
        if self.hit and place == (self.hit.trace_id, self.hit.at_ns):
            return "at"
        return "also" if any(place == (one.trace_id, one.at_ns) for one in self.hits) else ""


def find(visit: Visit, fields: Mapping[str, str]) -> Found:
    """Return what the address of a session asks to find in it; a text that is sent again goes on to the next hit."""
    text = fields.get("find", "").strip()[:MOST_CHARACTERS]
    if not text:
        return Found()
    hits = visit.reader().turns_saying(visit.parts["key"], text)
    return Found(text, hits, _at(fields, text, len(hits)))


def _at(fields: Mapping[str, str], text: str, total: int) -> int:
    asked = fields.get("hit", "")
    at = int(asked[:9]) if asked.isascii() and asked.isdigit() else 1
    if "was" in fields:  # It comes from the box, which says for what and at which hit it stood.
        at = at + 1 if fields["was"] == text else 1
    return (max(at, 1) - 1) % total + 1 if total else 0
