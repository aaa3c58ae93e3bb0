"""Bodies and streams → what was said. Pure: bytes and content types in, texts and JSON values out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convotrace.exchange.answer import ToolCall
    from convotrace.exchange.bodies import CAPTURED_TYPES, captured, decode, media_type
    from convotrace.exchange.chat import read_exchange
    from convotrace.exchange.generic import Found
    from convotrace.exchange.history import Said
    from convotrace.exchange.multipart import Upload
    from convotrace.exchange.record import Exchange
    from convotrace.exchange.socket import read_socket
    from convotrace.exchange.socket_frames import Frame, read_frame

__all__ = [
    "CAPTURED_TYPES",
    "Exchange",
    "Found",
    "Frame",
    "Said",
    "ToolCall",
    "Upload",
    "captured",
    "decode",
    "media_type",
    "read_exchange",
    "read_frame",
    "read_socket",
]

# The doors need a word of `bodies`, the writer the readers of every format: each file is loaded when first named.
_FILES = {
    "answer": ("ToolCall",),
    "bodies": ("CAPTURED_TYPES", "captured", "decode", "media_type"),
    "chat": ("read_exchange",),
    "generic": ("Found",),
    "history": ("Said",),
    "multipart": ("Upload",),
    "record": ("Exchange",),
    "socket": ("read_socket",),
    "socket_frames": ("Frame", "read_frame"),
}
_PLACES = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
