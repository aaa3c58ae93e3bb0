"""Styles, scripts and icons of the page: read from the package once, made lean, compressed, named by their content."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from convotrace.page import lean
from convotrace.page.http import SHIELD, PageRequest, PageResponse, not_found

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_LEAN: Mapping[str, Callable[[str], str]] = {".css": lean.style, ".js": lean.script, ".svg": str}


@dataclass(frozen=True)
class Asset:
    """One static file, plain and compressed."""

    kind: str
    body: bytes
    packed: bytes


@cache
def assets() -> Mapping[str, Asset]:
    """Return every static file of the package by its name."""
    found = sorted(files("convotrace.page").joinpath("static").iterdir(), key=lambda entry: entry.name)
    return {entry.name: _asset(entry.name, entry.read_bytes()) for entry in found if _suffix(entry.name) in _KINDS}


@cache
def fingerprint() -> str:
    """Return the hash of all static files: one folder name, so that modules find each other relatively."""
    digest = blake2b(digest_size=8)
    for name, asset in assets().items():
        digest.update(name.encode() + b"\0" + asset.body)
    return digest.hexdigest()


def serve(request: PageRequest, folder: str, name: str) -> PageResponse:
    """Return one file, for ever cacheable by this browser, compressed where it is understood."""
    asset = assets().get(name)
    if asset is None or folder != fingerprint():
        return not_found()
    packed = "gzip" in (request.header("accept-encoding") or "")
    body = asset.packed if packed else asset.body
    headers = [("content-type", asset.kind), ("content-length", str(len(body)))]
    headers += [("cache-control", "private, max-age=31536000, immutable"), ("vary", "accept-encoding"), *SHIELD]
    return PageResponse(200, headers + [("content-encoding", "gzip")] * packed, body)


def _asset(name: str, written: bytes) -> Asset:
    body = _LEAN[_suffix(name)](written.decode()).encode()
    return Asset(_KINDS[_suffix(name)], body, gzip.compress(body, 9, mtime=0))


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2]
