"""What other services send over OTLP → changes for the store. Pure: bytes in, records out."""

from convotrace.intake.answers import answer, is_protobuf, status
from convotrace.intake.derive import derive
from convotrace.intake.protobuf_format import NotInstalled
from convotrace.intake.receive import Received, receive

__all__ = ["NotInstalled", "Received", "answer", "derive", "is_protobuf", "receive", "status"]
