"""Files that were attached to a trace while it is open, and what they become when it is written.

Nothing is read from a disk here: a file given by its path comes in when the writer has read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import getrandbits
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from convotrace.exchange.filetypes import HEAD, UNKNOWN, as_type, ending_of, sniffed, type_of_name
from convotrace.model import Attachment

if TYPE_CHECKING:
    from convotrace.exchange import Upload

MAX_ATTACHMENT = 8 << 20
"""Bytes that are kept of one file; of a larger one only name, type and size."""
MAX_ATTACHED = 32 << 20
"""Bytes of files that are kept of one trace."""
MAX_ATTACHMENTS = 1_000
"""Files noted of one trace; further ones are counted in its metadata as `attachments_over_limit`."""

TOO_LARGE, NO_CONTENT, UPLOAD, UNREADABLE = "size", "content", "upload", "unreadable"
"""Why the bytes of a file are not kept."""
_LONGEST_NAME = 255


class OpenAttachment:
    """One file: its bytes where they are in memory, else its path or its address."""

    __slots__ = ("data", "head", "id", "left_out", "name", "path", "size", "type", "url")

    def __init__(
        self, *, name: str | None = None, url: str | None = None, path: str | None = None, left_out: str | None = None
    ) -> None:
        self.id = f"{getrandbits(64):016x}"
        self.name = name
        self.url = url
        # Where it lies, until the writer has read it.
        self.path = path
        self.left_out = left_out
        self.type: str | None = None
        self.size: int | None = None
        self.data: bytes | None = None
        # The first bytes, which tell the type also where nothing else is kept.
        self.head = b""

    def fill(self, data: bytes, size: int | None, room: int) -> None:
        """Take the bytes of the file, or only its first ones where there is no room for all.

        Args:
            data: The bytes, or the beginning of them.
            size: How many the file has; None for unknown.
            room: How many may be kept.
        """
        self.path, self.size, self.left_out = None, size, None
        self.head = data[:HEAD]
        if size == len(data) <= min(room, MAX_ATTACHMENT):
            self.data = data
        else:
            self.left_out = TOO_LARGE


def attachment_records(
    trace_id: str, files: Sequence[OpenAttachment], uploads: Sequence[Upload], content: bool
) -> tuple[Attachment, ...]:
    """Return what was attached to a trace, then what was uploaded in its request.

    Args:
        trace_id: Gives each upload an id that is the same however often the trace is written.
        files: What the verb attached.
        uploads: The files of the request's form.
        content: Whether more than name, type and size may be kept.
    """
    if not files and not uploads:
        return ()
    sent = (_upload(f"{trace_id}{place}", upload) for place, upload in enumerate(uploads[:MAX_ATTACHMENTS]))
    return (*(_record(file, content) for file in list(files)), *sent)


def _record(file: OpenAttachment, content: bool) -> Attachment:
    name = file.name or ("" if file.url is None else _name_of(file.url))
    if file.url is None:
        media_type = file.type or sniffed(file.head if file.data is None else file.data, name)
    else:
        media_type = file.type or type_of_name(name) or UNKNOWN
    name = name[:_LONGEST_NAME] or f"attachment{ending_of(media_type)}"
    if not content:
        return Attachment(file.id, name, media_type, file.size, left_out=NO_CONTENT)
    return Attachment(file.id, name, media_type, file.size, file.url, file.data, left_out=file.left_out)


def _name_of(url: str) -> str:
    """Return the last part of an address that says something."""
    try:
        parts = urlsplit(url)
        return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or ""
    except ValueError:
        return ""


def _upload(seed: str, upload: Upload) -> Attachment:
    name = upload.name[:_LONGEST_NAME]
    media_type = as_type(upload.type) or type_of_name(name) or UNKNOWN
    own_id = blake2b(seed.encode(), digest_size=8).hexdigest()
    return Attachment(own_id, name or f"upload{ending_of(media_type)}", media_type, upload.size, left_out=UPLOAD)
