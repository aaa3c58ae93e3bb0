"""A turn in the forms that people carry elsewhere: JSON, Markdown, the curl command that sends it again."""

from __future__ import annotations

import re
from dataclasses import replace

from convotrace.export import as_json, as_markdown
from convotrace.export.curl import as_curl
from convotrace.model import Conversation, Trace
from convotrace.page.http import PageResponse, as_data, plain
from convotrace.page.visit import Unknown, Visit

_HOST = re.compile(r"[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?|\[[0-9a-fA-F:]{2,39}\](:[0-9]{1,5})?")


def turn(visit: Visit) -> PageResponse:
    """Return a turn in the form that the end of its address names."""
    excerpt, trace = visit.trace()
    if visit.parts["form"] == "json":
        return as_data(as_json(trace))
    if visit.parts["form"] == "md":
        return plain(as_markdown(_alone(excerpt.conversation, trace)))
    command = as_curl(trace, base(visit))
    if command is None:
        raise Unknown
    return plain(command)


def _alone(conversation: Conversation, trace: Trace) -> Conversation:
    return replace(conversation, traces=(replace(trace, is_turn=True),), events=(), scores=())


def base(visit: Visit) -> str:
    """Return where the app is reachable: as the options say, else as the page was asked for."""
    settings, host = visit.backend.settings, visit.request.header("host") or ""
    if settings.page_url:
        return settings.page_url.rstrip("/").removesuffix(settings.mount)
    return f"{visit.request.scheme}://{host if _HOST.fullmatch(host) else '127.0.0.1:8000'}"
