"""The user's verbs on the current request. Outside a traced request each is a no-op; none ever raises.

`current.py` knows what is current (also in generators), `spans.py` the spans, `attach.py` files, `verbs.py` the rest,
`acting.py` acts while a turn runs, `observe.py` is the decorator, `carrying.py` what goes along to other services and
processes, `binding.py` to other threads, `log.py` how log lines become events and spans.
"""

from convotrace.capture.acting import advice, on_turn
from convotrace.capture.attach import attach
from convotrace.capture.binding import bind
from convotrace.capture.carrying import carrier
from convotrace.capture.log import log_line
from convotrace.capture.observe import observe
from convotrace.capture.spans import LiveSpan, generation, retrieval, span, tool
from convotrace.capture.verbs import (
    SessionHandle,
    TraceHandle,
    continue_turn,
    current_session,
    current_span,
    current_trace,
    end_session,
    event,
    feedback,
    feedback_token,
    link_session,
    metadata,
    no_content,
    score,
    set_input,
    set_output,
    skip,
    tag,
    user,
)

__all__ = [
    "LiveSpan",
    "SessionHandle",
    "TraceHandle",
    "advice",
    "attach",
    "bind",
    "carrier",
    "continue_turn",
    "current_session",
    "current_span",
    "current_trace",
    "end_session",
    "event",
    "feedback",
    "feedback_token",
    "generation",
    "link_session",
    "log_line",
    "metadata",
    "no_content",
    "observe",
    "on_turn",
    "retrieval",
    "score",
    "set_input",
    "set_output",
    "skip",
    "span",
    "tag",
    "tool",
    "user",
]
