"""Records to bytes and back: the JSON of the page and its API, exports for people and for programs.

Nothing here reads or stores.
"""

from convotrace.export.exact import exactly, from_exact
from convotrace.export.markdown import as_markdown
from convotrace.export.records import as_json, dump
from convotrace.export.tables import TABLES

__all__ = ["TABLES", "as_json", "as_markdown", "dump", "exactly", "from_exact"]
