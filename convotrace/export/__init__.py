"""Records to bytes: the JSON that the page and its API answer with. Nothing here reads or stores."""

from convotrace.export.records import as_json, dump

__all__ = ["as_json", "dump"]
