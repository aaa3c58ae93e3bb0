"""The page: PageRequest to PageResponse. Which server stands in front, and where records come from, is unknown here."""

from __future__ import annotations

from convotrace.errors import BadRequest, FilterError, StoreError
from convotrace.page.access import JUDGE, SEND, Admission, admit, admit_sender
from convotrace.page.backend import Backend, Reader
from convotrace.page.http import MAX_BODY, PageRequest, PageResponse, as_data, not_found, plain, refusal, wrong
from convotrace.page.link import swap
from convotrace.page.noting import note
from convotrace.page.otlp import too_long
from convotrace.page.render import page as render
from convotrace.page.routes import Handler, Route, find, is_page
from convotrace.page.visit import Unknown, Visit

__all__ = ["MAX_BODY", "Backend", "PageRequest", "PageResponse", "Reader", "answer", "reads"]


def answer(request: PageRequest, backend: Backend) -> PageResponse:
    """Return the answer to any request under the mount; it never raises.

    Args:
        request: What a door received.
        backend: The house around the page.
    """
    found = find(request.path)
    try:
        response = _guarded(request, backend, found)
    except Exception as error:
        backend.failed("page", error)
        is_json = found is not None and found[0].is_json and not request.is_form
        response = wrong("This page failed; the app is not affected.", 500, is_json)
    if request.method == "HEAD":
        return PageResponse(response.status, response.headers, b"")
    return response


def reads(request: PageRequest, backend: Backend) -> int:
    """Return how many bytes of its body a door has to read for a request, one more than is accepted; never raises.

    Only who may send much is read: everybody else sends as little as a form of the page.

    Args:
        request: The request as it came, without its body.
        backend: The house around the page.
    """
    found = find(request.path)
    if found is None or found[0].limit <= MAX_BODY or found[0].handler(request.method) is None:
        return MAX_BODY + 1
    if _admission(request, backend, found) is None or too_long(request, found[0].limit):
        return 0
    return found[0].limit + 1


def _admission(request: PageRequest, backend: Backend, found: tuple[Route, dict[str, str]] | None) -> Admission | None:
    if found is not None and found[0].right == SEND:
        return admit_sender(request, backend)
    if found is not None and found[0].right == JUDGE:
        return Admission(frozenset({JUDGE}), "ticket")
    return admit(request, backend, found is not None and found[0].is_html)


def _guarded(request: PageRequest, backend: Backend, found: tuple[Route, dict[str, str]] | None) -> PageResponse:
    admission = _admission(request, backend, found)
    if admission is None:
        return not_found()
    if found is None:
        return _nothing(Visit(request, backend, admission))
    route, parts = found
    handler = route.handler(request.method)
    if handler is None:
        if admission.rights == {JUDGE}:
            # Anybody is let in to show a ticket: what else there is at this address is not for them to know.
            return not_found()
        return plain("Method not allowed\n", 405, ("allow", route.allowed))
    if route.right not in admission.rights:
        return _nothing(Visit(request, backend, admission))
    if admission.by == "link" and request.path:
        return swap(request, backend.token() or "", is_page)
    visit = Visit(request, backend, admission, parts)
    response = _handled(visit, handler, route.is_json and not request.is_form)
    if response.status < 400:
        note(visit, route)
    return response


def _handled(visit: Visit, handler: Handler, is_json: bool) -> PageResponse:
    try:
        return handler(visit)
    except Unknown:
        return _nothing(visit)
    except FilterError as error:
        return as_data(refusal(error), 400) if is_json else _sentence(visit, str(error), 400, False)
    except BadRequest as error:
        return _sentence(visit, str(error), 400, is_json)
    except StoreError as error:
        return _sentence(visit, f"The store cannot be read: {error}", 503, is_json)


def _nothing(visit: Visit) -> PageResponse:
    """Return the answer to what is unknown or forbidden: a page to a browser of somebody who may look at pages."""
    if not visit.may("read") or "text/html" not in (visit.request.header("accept") or ""):
        return not_found()
    return _sentence(visit, "Nothing is stored under this address: deleted, or taken by retention.", 404, False)


def _sentence(visit: Visit, sentence: str, status: int, is_json: bool) -> PageResponse:
    if is_json:
        return wrong(sentence, status, True)
    return render("error.html", {**visit.frame(""), "sentence": sentence}, status)
