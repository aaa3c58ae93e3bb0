"""The description of the JSON API in the words of OpenAPI, for programs that make clients: a file of the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from convotrace.page.http import PageResponse, respond
from convotrace.page.visit import Visit


def data(visit: Visit) -> PageResponse:
    """Return the description; its server is the folder it lies in, wherever the page is mounted."""
    return respond(200, "application/json", _text())


@cache
def _text() -> bytes:
    return files("convotrace.page").joinpath("openapi.json").read_bytes()
