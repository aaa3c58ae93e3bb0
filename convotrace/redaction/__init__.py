"""What must never reach the store: values, texts and records in, the same without it out. Pure.

`fields` knows by names (always on), `patterns` by what a text looks like (as the options say), `records` where texts
stand in records. A file is loaded with the first name that is asked of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convotrace.redaction.fields import REDACTED, Redactor, never_stored, never_stored_header
    from convotrace.redaction.mask import Mask
    from convotrace.redaction.records import masked, masked_change, masked_later

__all__ = [
    "REDACTED",
    "Mask",
    "Redactor",
    "masked",
    "masked_change",
    "masked_later",
    "never_stored",
    "never_stored_header",
]
_FILES = {"Mask": "mask", **dict.fromkeys(("masked", "masked_change", "masked_later"), "records")}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES.get(name, 'fields')}"), name)
