"""What others tell, over OTLP or in files → changes for the store. Pure: bytes in, records out.

`receive.py` makes changes of one request and `answers.py` its answer; `json_format.py` and `protobuf_format.py` read
the wire into what `sent.py` holds; `spans.py` makes spans of it, `union.py` one of a span told twice, `tree.py` puts
them in order; `derive.py` makes their trace, `texts.py` finds what was said in it. `files.py` reads values of files:
our own exports (`exported.py`) and logs of chats (`chat_logs.py`, `recorded.py`).
"""

from convotrace.intake.answers import answer, is_protobuf, status
from convotrace.intake.derive import derive
from convotrace.intake.protobuf_format import NotInstalled
from convotrace.intake.receive import Received, receive

__all__ = ["NotInstalled", "Received", "answer", "derive", "is_protobuf", "receive", "status"]
