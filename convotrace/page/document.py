"""One session as a file of its own: the page of the session with all turns on it, for a browser without a server."""

from __future__ import annotations

from convotrace.export.records import iso
from convotrace.export.redacted import without_words
from convotrace.model import Conversation, Excerpt
from convotrace.page import session as page
from convotrace.page.assets import assets
from convotrace.page.finding import Found
from convotrace.page.format import cut_end
from convotrace.page.http import PageResponse, html
from convotrace.page.list import title
from convotrace.page.render import page as render
from convotrace.page.sealing import sealed
from convotrace.page.signs import kinds_of
from convotrace.page.transcript import feed
from convotrace.page.visible import visible
from convotrace.page.visit import Visit

_RIGHTS = ("may_annotate", "may_delete", "may_export")
_SHEETS = ("app.css", "session.css")
_OWN = "main { min-height: 0; } .rail { top: 0; } html { scroll-padding-top: 12px; }"


def download(visit: Visit) -> PageResponse:
    """Return a session as a file, without its words where the address says `redact=1`."""
    conversation = visit.conversation()
    if visit.request.fields().get("redact", "") not in ("", "0"):
        conversation = without_words(conversation)
    answer = html(as_html(conversation).decode())
    answer.headers.append(("content-disposition", f'attachment; filename="{visit.parts["key"][:80]}.html"'))
    return answer


def as_html(conversation: Conversation) -> bytes:
    """Return a conversation as one HTML file in the look of its page: no script runs, nothing is fetched."""
    session = conversation.session
    excerpt = Excerpt(conversation, 1, max(session.turns, _turns(conversation)), _turns(conversation))
    shown = feed(excerpt)
    frame = {
        "root": "", "static": "", "tab": "", "tabs": (), "topic": "", "after_ns": 0, "live": "poll", "marks": True,
        "service": None, "environment": session.environment, **dict.fromkeys(_RIGHTS, False),
        "kinds": kinds_of(turn.trace for turn in shown.turns), "zoom": "transcript", "zooms": page.ZOOMS,
        "found": Found(), "along": "", "falls": None,
    }  # fmt: skip
    rendered = render("session.html", {**frame, **page.view(shown, excerpt, None)}).body.decode()
    sheets = [assets()[name].body.decode() for name in _SHEETS]
    name = f"{cut_end(visible(title(session)), 60)} · {cut_end(visible(session.id), 60)}"
    foot = f"Session {visible(session.id)}, {iso(session.started_ns)} to {iso(session.last_ns)}. Times in UTC."
    return sealed(rendered, name, [*sheets, _OWN], foot).encode("utf-8", "backslashreplace")


def _turns(conversation: Conversation) -> int:
    return sum(trace.turn is not None for trace in conversation.traces)
