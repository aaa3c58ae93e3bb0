"""Incidents: each firing of an alert rule, from its beginning to its end. Rare rows, written one at a time."""

from __future__ import annotations

import secrets
from typing import Any

from convotrace.errors import BadRequest
from convotrace.model import Incident
from convotrace.store.codec import decode_column, encode_column, original, storable
from convotrace.store.opening import Opened

MOST = 200


def open_incidents(opened: Opened) -> tuple[Incident, ...]:
    """Return every incident that has not ended, the latest first."""
    incident = opened.tables.incident
    return _read(opened, incident.closed.is_null(True), MOST)


def incidents(opened: Opened, limit: int) -> tuple[Incident, ...]:
    """Return the latest incidents; see `Store.incidents`."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    return _read(opened, opened.tables.incident.rule != "", limit)


def put(opened: Opened, found: Incident) -> None:
    """Write an incident, over what was written of it before."""
    incident = opened.tables.incident
    told = {
        "reason": found.reason,
        "sessions": list(found.sessions),
        "told": found.told_ns,
        "of_session": found.of_session,
    }
    row = {
        incident.id: bytes.fromhex(found.id), incident.rule: storable(found.rule), incident.opened: found.opened_ns,
        incident.closed: found.closed_ns, incident.state: found.state, incident.value: found.value,
        incident.threshold: found.threshold, incident.detail: encode_column(told),
    }  # fmt: skip
    changed = [incident.closed, incident.state, incident.value, incident.threshold, incident.detail]
    statement, values = incident.insert(row).on_conflict(conflict_target=[incident.id], preserve=changed).sql()
    with opened.connections.writing(()) as connection:
        connection.execute(statement, values)


def new_id() -> str:
    """Return an id for an incident."""
    return secrets.token_hex(8)


def _read(opened: Opened, condition: Any, limit: int) -> tuple[Incident, ...]:
    it = opened.tables.incident
    columns = (it.id, it.rule, it.opened, it.closed, it.state, it.value, it.threshold, it.detail)
    statement, values = it.select(*columns).where(condition).order_by(it.opened.desc()).limit(limit).sql()
    with opened.connections.reading() as connection:
        return tuple(_record(row) for row in connection.execute(statement, values))


def _record(row: tuple[Any, ...]) -> Incident:
    id, rule, opened, closed, state, value, threshold, detail = row
    told = decode_column(detail) or {}
    return Incident(
        bytes(id).hex(), original(rule) or "", state, opened, closed, value, threshold, told.get("reason") or "",
        tuple(told.get("sessions") or ()), told.get("told") or opened, bool(told.get("of_session")),
    )  # fmt: skip
