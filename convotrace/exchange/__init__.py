"""Bodies and streams → what was said. Pure: bytes and content types in, texts and JSON values out."""

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
