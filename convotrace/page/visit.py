"""One admitted visit: what every page handler gets. Reading the store through it is always fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from convotrace.model import Conversation
from convotrace.page.access import Admission
from convotrace.page.assets import fingerprint
from convotrace.page.backend import Backend, Reader
from convotrace.page.http import PageRequest
from convotrace.page.link import up_from

TABS = (("sessions", "Sessions", ""), ("search", "Search", "search"), ("health", "Health", "health"))
"""The pages in the head of every page: each with what it is called and its address under the mount."""


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
            "tabs": TABS,
            "topic": "",
            "after_ns": 0,
            "live": "sse" if self.request.streams else "poll",
            "service": settings.service,
            "environment": settings.effective_environment,
            "may_annotate": self.may("annotate"),
            "kinds": (),
            "marks": False,
        }
