"""From a store URL to what psycopg connects by, and to what may be shown of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from convotrace.errors import StoreError

SCHEMA = "convotrace"
"""The schema that holds the tables, unless the URL has `schema=`: apart from those of the app."""

_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")


@dataclass(frozen=True)
class Location:
    """Where a store is."""

    conninfo: str
    schema: str
    shown: str


def location(url: str, shown: str) -> Location:
    """Return what a URL says.

    Args:
        url: In libpq's form, with `schema=` for another schema than `convotrace`.
        shown: The URL without what is secret.

    Raises:
        StoreError: The name of the schema cannot be used.
    """
    head, _, query = url.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    schema = next((value for name, value in options if name == "schema"), SCHEMA)
    if not _SCHEMA_NAME.match(schema):
        raise StoreError(f"schema={schema!r} cannot be used; name one of a-z, 0-9 and _, at most 63 characters.")
    # libpq takes a space as %20 alone.
    rest = urlencode([(name, value) for name, value in options if name != "schema"]).replace("+", "%20")
    return Location(f"{head}?{rest}" if rest else head, schema, shown)
