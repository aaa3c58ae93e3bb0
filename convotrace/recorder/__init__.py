"""The state machine of a trace, without I/O: what is open while a request runs, and what it becomes when written.

`open.py` holds open traces and spans, `seen.py` what the door saw of them, `parts.py` what is noted on them,
`attached.py` their files; `values.py` takes copies of user values, `failures.py` puts exceptions in words.
`assemble.py` makes the finished record: `said.py` finds its texts and whether it is a turn, `facts.py` how it went,
`span_records.py` and `note_records.py` make its parts, `told.py` reads what libraries say of their spans, `usage.py`
their tokens, `reply.py` what the reply tells of a model call, `ties.py` what the request has to do with an earlier one.
Time is always an argument, in nanoseconds since 1970.
"""

from typing import TYPE_CHECKING, Any

from convotrace.recorder.attached import OpenAttachment
from convotrace.recorder.failures import failure_of
from convotrace.recorder.open import OpenSpan, OpenTrace
from convotrace.recorder.values import plain, text_of
from convotrace.recorder.verdict import Verdict

if TYPE_CHECKING:
    from convotrace.recorder.assemble import Assembler


def __getattr__(name: str) -> Any:
    # With it come the readers of every format, which only the writer needs.
    if name == "Assembler":
        from convotrace.recorder.assemble import Assembler

        return Assembler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Assembler", "OpenAttachment", "OpenSpan", "OpenTrace", "Verdict", "failure_of", "plain", "text_of"]
