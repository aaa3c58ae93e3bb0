"""One admitted visit: what every page handler gets. Reading the store through it is always fresh."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from convotrace.model import Conversation, Excerpt, Trace
from convotrace.page.access import Admission
from convotrace.page.assets import fingerprint
from convotrace.page.backend import Backend, Reader
from convotrace.page.http import PageRequest
from convotrace.page.link import up_from

TABS = (
    ("sessions", "Sessions", ""),
    ("dashboard", "Dashboard", "dashboard"),
    ("flow", "Flow", "flow"),
    ("search", "Search", "search"),
    ("tools", "Tools", "tools"),
    ("review", "Review", "review"),
    ("datasets", "Datasets", "datasets"),
    ("incidents", "Incidents", "incidents"),
    ("health", "Health", "health"),
)
"""The pages in the head of every page: each with what it is called and its address under the mount."""

AUDIT = ("audit", "Audit", "audit")
"""For those who may see it."""


class Unknown(Exception):
    """What was asked for does not exist; answered like a forbidden address."""


@dataclass(frozen=True)
class Visit:
    """A request that was let in, with the parts of its path by name."""

    request: PageRequest
    backend: Backend
    admission: Admission
    parts: Mapping[str, str] = field(default_factory=dict)

    def reader(self) -> Reader:
        """Return the store, holding everything this process has recorded until now.

        Raises:
            StoreError: It cannot be opened.
        """
        self.backend.drain()
        return self.backend.store()

    def conversation(self) -> Conversation:
        """Return the session named in the address.

        Raises:
            Unknown: There is none.
        """
        found = self.reader().session_by_key(self.parts["key"])
        if found is None:
            raise Unknown
        return found

    def excerpt(self, turn: int, trace_id: str | None, count: int, is_light: bool = False) -> Excerpt:
        """Return some turns of the session named in the address.

        Args:
            turn: Number of the first turn wanted.
            trace_id: Begin with this trace instead; `?began=` tells which of several that share the id.
            count: How many turns are wanted.
            is_light: Leave out what grows with a conversation.

        Raises:
            Unknown: There is no such session or trace.
        """
        found = self.reader().excerpt_by_key(
            self.parts["key"], turn=turn, trace_id=trace_id, began_ns=self._began(), count=count, is_light=is_light
        )
        if found is None:
            raise Unknown
        return found

    def trace(self) -> tuple[Excerpt, Trace]:
        """Return the trace named in the address, and the turns around it.

        Raises:
            Unknown: There is no such session or trace.
        """
        excerpt = self.excerpt(1, self.parts["trace"], 1)
        alike = [trace for trace in excerpt.conversation.traces if trace.id == self.parts["trace"]]
        return excerpt, next((trace for trace in alike if trace.started_ns == self._began()), alike[0])

    def _began(self) -> int | None:
        began = self.request.fields().get("began", "")
        return int(began) if began.isascii() and began.isdigit() and len(began) < 20 else None

    def may(self, right: str) -> bool:
        """Tell whether the visitor has a right."""
        return right in self.admission.rights

    def frame(self, tab: str) -> dict[str, object]:
        """Return what the frame around every page needs."""
        settings, root = self.backend.settings, up_from(self.request.path)
        return {
            "root": root,
            "static": f"{root}static/{fingerprint()}/",
            "tab": tab,
            "tabs": (*TABS, AUDIT) if self.may("audit") else TABS,
            "topic": "",
            "after_ns": 0,
            "now_ns": time.time_ns(),
            "live": "sse" if self.request.streams else "poll",
            "service": settings.service,
            "environment": settings.effective_environment,
            "may_annotate": self.may("annotate"),
            "may_export": self.may("export"),
            "kinds": (),
            "marks": False,
        }
