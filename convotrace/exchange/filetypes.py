"""What kind of file it is: by its first bytes, by its name, or as it was told. Which are shown is the page's rule.

The magic numbers are those of each format's own specification; https://mimesniff.spec.whatwg.org lists most of them.
"""

from __future__ import annotations

import codecs
import re

from convotrace.exchange.jsontext import UNREADABLE, loads

UNKNOWN = "application/octet-stream"
HEAD = 4_096
"""So many first bytes tell a type."""
_LONGEST_JSON = 1 << 20

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"), (b"{\\rtf", "application/rtf"),
    (b"ID3", "audio/mpeg"), (b"\xff\xfb", "audio/mpeg"), (b"\xff\xf3", "audio/mpeg"), (b"\xff\xf2", "audio/mpeg"),
    (b"OggS", "audio/ogg"), (b"fLaC", "audio/flac"), (b"\x1aE\xdf\xa3", "video/webm"),
    (b"\x1f\x8b", "application/gzip"), (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"), (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"), (b"PAR1", "application/vnd.apache.parquet"),
)  # fmt: skip
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"avif": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
    b"mif1": "image/heic", b"qt  ": "video/quicktime",
}  # fmt: skip
_OOXML = "application/vnd.openxmlformats-officedocument."
_OFFICE = (
    (b"word/", _OOXML + "wordprocessingml.document"), (b"xl/", _OOXML + "spreadsheetml.sheet"),
    (b"ppt/", _OOXML + "presentationml.presentation"),
)  # fmt: skip
# OpenDocument and EPUB begin with a member that is their type.
_NAMED_ZIP = re.compile(rb"mimetype(application/[\w.+-]{1,100})PK")
_NAMES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "svg": "image/svg+xml", "bmp": "image/bmp", "ico": "image/x-icon", "avif": "image/avif", "heic": "image/heic",
    "pdf": "application/pdf", "zip": "application/zip", "gz": "application/gzip", "tar": "application/x-tar",
    "docx": _OFFICE[0][1], "xlsx": _OFFICE[1][1], "pptx": _OFFICE[2][1], "doc": "application/msword",
    "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint", "rtf": "application/rtf",
    "odt": "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg", "flac": "audio/flac", "m4a": "audio/mp4",
    "mp4": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "db": "application/vnd.sqlite3",
    "sqlite": "application/vnd.sqlite3", "parquet": "application/vnd.apache.parquet", "txt": "text/plain",
    "log": "text/plain", "md": "text/markdown", "csv": "text/csv", "tsv": "text/tab-separated-values",
    "html": "text/html", "htm": "text/html", "css": "text/css", "js": "text/javascript", "py": "text/x-python",
    "json": "application/json", "jsonl": "application/jsonl", "xml": "application/xml", "yaml": "application/yaml",
    "yml": "application/yaml", "ics": "text/calendar", "eml": "message/rfc822",
}  # fmt: skip
_TEXTS = frozenset(
    {"application/json", "application/jsonl", "application/xml", "application/yaml", "message/rfc822", "image/svg+xml"}
)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def as_type(told: str | None) -> str | None:
    """Return a media type as it was told, without its parameters; None for what is none."""
    essence = (told or "").partition(";")[0].strip().lower()
    return essence if _TYPE.fullmatch(essence) else None


def sniffed(data: bytes, name: str = "") -> str:
    """Return the media type of a file.

    Args:
        data: All of it, or its first bytes.
        name: Decides among texts, and where the bytes say nothing.
    """
    named = type_of_name(name)
    return _by_magic(data[:HEAD], named) or _by_text(data, named) or named or UNKNOWN


def type_of_name(name: str) -> str | None:
    """Return the media type that the end of a file's name tells."""
    return _NAMES.get(name.rpartition(".")[2].lower()) if "." in name else None


def ending_of(media_type: str) -> str:
    """Return how the name of a file of this type ends: `.png`, or nothing where it is not known."""
    return next((f".{ending}" for ending, known in _NAMES.items() if known == media_type), "")


def _by_magic(head: bytes, named: str | None) -> str | None:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return _zip(head, named)
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)


def _zip(head: bytes, named: str | None) -> str:
    told = _NAMED_ZIP.search(head)
    if told is not None:
        return told[1].decode("ascii", "replace").lower()
    inside = next((media_type for member, media_type in _OFFICE if member in head), None)
    return inside or (named if named is not None and named.startswith(_OOXML) else "application/zip")


def _by_text(data: bytes, named: str | None) -> str | None:
    try:
        # Half a character at the end of a part is no fault.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data[:HEAD], final=len(data) <= HEAD)
    except UnicodeDecodeError:
        return None
    if not text or _CONTROL.search(text):
        return None
    if named is not None and (named.startswith("text/") or named in _TEXTS):
        return named
    return _markup(text.lstrip()[:200].lower()) or ("application/json" if _is_json(data) else "text/plain")


def _markup(start: str) -> str | None:
    if start.startswith(("<!doctype html", "<html")):
        return "text/html"
    if start.startswith("<svg") or (start.startswith("<?xml") and "<svg" in start):
        return "image/svg+xml"
    return "application/xml" if start.startswith("<?xml") else None


def _is_json(data: bytes) -> bool:
    start = data[:HEAD].lstrip()[:1]
    return start in (b"{", b"[") and len(data) <= _LONGEST_JSON and loads(data) is not UNREADABLE
