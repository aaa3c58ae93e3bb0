"""Bodies and streams → what was said. Pure: bytes and content types in, texts and JSON values out."""

from convotrace.exchange.bodies import CAPTURED_TYPES, captured, decode, media_type
from convotrace.exchange.chat import Exchange, Found, read_exchange

__all__ = ["CAPTURED_TYPES", "Exchange", "Found", "captured", "decode", "media_type", "read_exchange"]
