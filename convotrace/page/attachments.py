"""Attached files: which of them are shown, and the answer that hands one out. None is ever run or rendered here."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from convotrace.exchange.filetypes import UNKNOWN, sniffed
from convotrace.model import Attachment
from convotrace.page.http import PageResponse, respond
from convotrace.page.visible import without_unseen
from convotrace.page.visit import Unknown, Visit

INERT = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types that a browser shows without running anything in them; SVG and HTML are none."""
_LONGEST_NAME = 150
_PLACES = re.compile(r'[/\\:*?"<>|]')
_WHY = {
    "size": "too large to keep",
    "content": "content not kept",
    "upload": "upload, not kept",
    "unreadable": "could not be read",
}


def serve(visit: Visit) -> PageResponse:
    """Return an attachment's bytes, to be saved; its own first bytes alone decide whether it may be shown."""
    found = visit.reader().attachment_by_key(visit.parts["key"], visit.parts["id"])
    if found is None or found.data is None:
        raise Unknown
    media_type = sniffed(found.data)
    kind = media_type if media_type in INERT else UNKNOWN
    return respond(200, kind, found.data, ("content-disposition", disposition(found.name)))


def disposition(name: str) -> str:
    """Return the Content-Disposition of a download (RFC 6266); a hostile name can neither leave it nor its folder."""
    clean = _PLACES.sub("_", without_unseen(name).replace("\t", " ").replace("\n", " ")).strip(" .")
    return f"attachment; filename*=UTF-8''{quote(clean[:_LONGEST_NAME] or 'attachment', safe='')}"


def is_shown(file: Attachment) -> bool:
    """Tell whether the page shows a picture of an attachment; for one that lies about its type none appears."""
    return file.stored and file.type in INERT


def why_absent(file: Attachment) -> str:
    """Return in words why an attachment's bytes are not here; empty where they are, or where it is an address."""
    return _WHY.get(file.left_out or "", "")


def link_of(file: Attachment) -> str | None:
    """Return the address of an attachment that lies elsewhere; None for one that no link may lead to."""
    return file.url if _host(file.url) else None


def host_of(file: Attachment) -> str:
    """Return where the address of an attachment leads, empty where nobody may follow it."""
    return _host(file.url)


def _host(url: str | None) -> str:
    try:
        parts = urlsplit(url or "")
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""
