"""Deleting a session for good: asked for twice on its page, once by a program; only with the right to."""

from __future__ import annotations

from convotrace.page.http import PageResponse, as_data, redirect
from convotrace.page.visit import Visit


def delete(visit: Visit) -> PageResponse:
    """Delete a session; lead to the list, or say as JSON how much was deleted."""
    session_id = visit.conversation().session.id
    deleted = visit.backend.forget(session_id)
    if visit.request.is_form:
        return redirect("../../", 303)
    return as_data({"session_id": session_id, "deleted": deleted})
