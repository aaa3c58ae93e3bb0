"""Every address under the mount, what it accepts, which right it needs: one table. Handlers live in their own files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convotrace.errors import BadRequest, FilterError
from convotrace.page import (
    annotate,
    arms,
    assets,
    attachments,
    audit,
    collect,
    compare,
    copies,
    dashboard,
    datasets,
    definitions,
    delete,
    description,
    diff,
    document,
    feedback,
    first,
    flow,
    health,
    incidents,
    link,
    live,
    metrics,
    otlp,
    review,
    scores,
    search,
    sections,
    session,
    split,
    table,
    tools,
    turn,
    views,
    whole,
)
from convotrace.page import list as sessions
from convotrace.page.access import JUDGE, SEND
from convotrace.page.http import MAX_BODY, PageResponse, as_data, not_found, plain, refusal
from convotrace.page.visit import Visit

_ACTS = {"read": "annotate", "annotate": "annotate", "delete": "erase"}

Handler = Callable[[Visit], PageResponse]


@dataclass(frozen=True)
class Route:
    """One shape of path."""

    pattern: re.Pattern[str]
    handlers: Mapping[str, Handler]
    right: str = "read"
    is_html: bool = False
    is_json: bool = False
    limit: int = MAX_BODY
    """Bytes of a body that are read at most."""
    action: str | None = None
    """What the audit calls it, where that does not follow from the right that it needs."""
    shape: str = ""
    """The path with its parts by name, which tells nobody."""

    def act(self, method: str) -> str | None:
        """Return what the audit calls a request, None for what is no act."""
        if self.action is not None or self.right == "export":
            return self.action or "export"
        return _ACTS.get(self.right) if method not in ("GET", "HEAD") else None

    def handler(self, method: str) -> Handler | None:
        """Return what answers a method; HEAD is answered like GET."""
        return self.handlers.get("GET" if method == "HEAD" else method)

    @property
    def allowed(self) -> str:
        """Return the methods for an Allow header."""
        names = [*self.handlers, *(["HEAD"] if "GET" in self.handlers else [])]
        return ", ".join(sorted(names))


def _pattern(shape: str) -> re.Pattern[str]:
    parts = {"{key}": r"(?P<key>[A-Za-z0-9_~-]{1,400})", "{trace}": r"(?P<trace>[0-9a-f]{32})"}
    parts |= {"{signal}": r"(?P<signal>traces|logs)", "{form}": r"(?P<form>md|curl|json)"}
    parts |= {"{hash}": r"(?P<hash>[0-9a-f]{16})", "{name}": r"(?P<name>[a-z0-9.-]{1,40})"}
    parts |= {"{id}": r"(?P<id>[A-Za-z0-9_-]{1,64})"}
    parts |= {f"{{{name}}}": rf"(?P<{name}>[A-Za-z0-9_-]{{1,60}})" for name in ("queue", "dataset")}
    text = re.escape(shape).replace(r"\{", "{").replace(r"\}", "}")
    for name, pattern in parts.items():
        text = text.replace(name, pattern)
    return re.compile(text)


def _page(shape: str, handler: Handler, action: str | None = None, right: str = "read") -> Route:
    return Route(_pattern(shape), {"GET": handler}, right, is_html=True, action=action, shape=shape)


def _data(shape: str, handler: Handler, action: str | None = None, right: str = "read") -> Route:
    return Route(_pattern(shape), {"GET": handler}, right, is_json=True, action=action, shape=shape)


def _judged(shape: str, show: Handler, act: Handler) -> Route:
    """Return a page that may be read by everybody, with forms for those who may annotate."""
    return Route(_pattern(shape), {"GET": show, "POST": _for_annotators(act)}, is_html=True, shape=shape)


def _for_annotators(act: Handler) -> Handler:
    def handler(visit: Visit) -> PageResponse:
        if not visit.may("annotate"):
            return not_found()
        try:
            return act(visit)
        except (BadRequest, FilterError) as error:
            if visit.request.is_form:
                raise
            return as_data(refusal(error) if isinstance(error, FilterError) else {"error": str(error)}, 400)

    return handler


def _text(shape: str, handler: Handler, action: str | None = None) -> Route:
    return Route(_pattern(shape), {"GET": handler}, action=action, shape=shape)


def _file(visit: Visit) -> PageResponse:
    return assets.serve(visit.request, visit.parts["hash"], visit.parts["name"])


def _folder(visit: Visit) -> PageResponse:
    return link.to_folder(visit.request, visit.backend.settings.mount)


def _alive(visit: Visit) -> PageResponse:
    return plain("ok\n")


ROUTES: tuple[Route, ...] = (
    _page("", _folder),
    _page("/", sessions.page, "search"),
    _data("/sessions.json", sessions.data, "search"),
    Route(_pattern("/sessions.csv"), {"GET": table.sessions}, right="export"),
    _page("/rows", sessions.rows),
    _data("/places.json", sessions.places),
    _page("/beside", sessions.counts),
    _data("/views.json", views.data),
    Route(_pattern("/views"), {"POST": views.save}, right="annotate", is_json=True),
    Route(_pattern("/test"), {"POST": first.send}, right="annotate", is_json=True),
    _data("/live", live.stream),
    _data("/tail.json", live.tail),
    _page("/compare", compare.page, "view"),
    _data("/compare.json", compare.data, "view"),
    _page("/search", search.page, "search"),
    _data("/search.json", search.data, "search"),
    _data("/metrics.json", metrics.data),
    _page("/dashboard", dashboard.page),
    _data("/dashboard.json", dashboard.data),
    _page("/arms", arms.page),
    _data("/arms.json", arms.data),
    _page("/flow", flow.page),
    _data("/flow.json", flow.data),
    _page("/s/{key}", session.page, "view"),
    _data("/s/{key}.json", whole.data, "view"),
    _text("/s/{key}.md", whole.markdown, "export"),
    Route(_pattern("/s/{key}.html"), {"GET": document.download}, right="export"),
    _page("/s/{key}/t/{trace}", turn.page, "view"),
    _page("/s/{key}/t/{trace}/diff", diff.page, "view"),
    _text("/s/{key}/t/{trace}/part", sections.part),
    _text("/s/{key}/t/{trace}.{form}", copies.turn, "export"),
    _text("/s/{key}/a/{id}", attachments.serve, "view"),
    Route(_pattern("/s/{key}/t/{trace}/split"), {"POST": split.split}, right="annotate", is_json=True),
    Route(_pattern("/s/{key}/delete"), {"POST": delete.delete}, right="delete", is_json=True),
    Route(_pattern("/s/{key}/scores"), {"POST": scores.add}, right="annotate", is_json=True),
    _page("/collect", collect.page),
    _judged("/review", review.page, review.save),
    _data("/review.json", review.data),
    _judged("/review/{queue}", annotate.page, annotate.act),
    _data("/review/{queue}.json", annotate.data),
    _judged("/scores", definitions.page, definitions.save),
    _data("/scores.json", definitions.data),
    _judged("/datasets", datasets.page, datasets.save),
    _data("/datasets.json", datasets.data),
    _judged("/datasets/{dataset}", datasets.one, datasets.act),
    _data("/datasets/{dataset}.json", datasets.one_data),
    Route(_pattern("/datasets/{dataset}/export"), {"GET": datasets.export}, right="export"),
    _page("/tools", tools.page),
    _data("/tools.json", tools.data),
    _judged("/incidents", incidents.page, incidents.act),
    _data("/incidents/test.json", incidents.test),
    _data("/incidents.json", incidents.data),
    _page("/audit", audit.page, right="audit"),
    _data("/audit.json", audit.data, right="audit"),
    _page("/health", health.page),
    _data("/health.json", health.data),
    _data("/openapi.json", description.data),
    Route(_pattern("/v1/{signal}"), {"POST": otlp.receive}, right=SEND, limit=otlp.MAX_SENT),
    Route(_pattern("/feedback"), {"GET": feedback.script, "POST": feedback.receive}, right=JUDGE, is_json=True),
    Route(_pattern("/healthz"), {"GET": _alive}),
    Route(_pattern("/static/{hash}/{name}"), {"GET": _file}),
)


def find(path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a path and the named parts of it."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match:
            return route, match.groupdict()
    return None


def is_page(path: str) -> bool:
    """Tell whether a path is a page for people."""
    found = find(path)
    return found is not None and found[0].is_html
