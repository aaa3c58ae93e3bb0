"""Where to put a session, a turn, or what a filter finds: the datasets and queues there are, each one press away."""

from __future__ import annotations

from convotrace.page.http import PageResponse
from convotrace.page.list import title
from convotrace.page.render import page as render
from convotrace.page.sent import text_of
from convotrace.page.visit import Unknown, Visit


def page(visit: Visit) -> PageResponse:
    """Return the page on which somebody chooses."""
    fields, reader = visit.request.fields(), visit.reader()
    key, trace_id, words = text_of(fields, "session", 600), text_of(fields, "trace_id", 64), ""
    if key:
        found = reader.excerpt_by_key(key, trace_id=trace_id or None, count=1, is_light=True)
        if found is None:
            raise Unknown
        words = title(found.conversation.session)
        number = found.first if trace_id else None
    else:
        number = None
    on = "turn" if trace_id else "session"
    queues = [queue for queue in reader.queues() if not key or queue.on == on]
    view = {"key": key, "trace_id": trace_id, "words": words, "number": number, "q": text_of(fields, "q", 2000)}
    return render(
        "collect.html", {**visit.frame("datasets"), **view, "datasets": reader.datasets(), "queues": queues, "on": on}
    )
