"""What was said in a trace, and whether that makes it a turn. What a body means, `exchange` knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convotrace.exchange import Exchange, media_type, read_exchange, read_socket
from convotrace.identity import Incoming
from convotrace.model import TURN_KINDS
from convotrace.recorder.open import UNSET, OpenTrace
from convotrace.recorder.values import text_of

TextHook = Callable[[Incoming, Exchange], Any]


def exchange_of(trace: OpenTrace) -> Exchange:
    """Return both bodies of a trace, read; an empty one where it has no request."""
    incoming = trace.incoming
    if incoming is None:
        return Exchange()
    if trace.protocol == "websocket":
        return _of_frames(trace)
    asked, answered = b"".join(trace.request_chunks), b"".join(trace.response_chunks)
    keep = trace.bodies and bool(media_type(trace.response_type)[0])
    return read_exchange(
        incoming.method,
        incoming.query,
        asked or None,
        incoming.headers.get("content-type", ""),
        answered if keep and answered else None,
        trace.response_type,
        succeeded=(trace.status_code or 200) < 400,
        content_encoding=trace.response_encoding,
        request_cut=trace.cut_input,
    )


def _of_frames(trace: OpenTrace) -> Exchange:
    return read_socket(
        list(trace.request_chunks), list(trace.response_chunks), trace.engine, trace.cut_input, trace.cut_output
    )


class Texts:
    """Finds message and reply: by a verb first, then by the app's own readers, then by what `exchange` found.

    Args:
        input_text: The app's own reader of the message, already guarded; None for the common names.
        output_text: The same for the reply.
    """

    def __init__(self, input_text: TextHook | None, output_text: TextHook | None) -> None:
        self._input_text = input_text
        self._output_text = output_text

    def of(self, trace: OpenTrace, exchange: Exchange) -> tuple[str | None, str | None]:
        """Return the message and the reply of a trace."""
        message, reply = exchange.message.text, exchange.reply.text or exchange.refusal or exchange.reply.text
        if trace.incoming is not None and self._input_text is not None:
            message = _first_text(self._input_text(trace.incoming, exchange), message)
        if trace.incoming is not None and self._output_text is not None:
            reply = _first_text(self._output_text(trace.incoming, exchange), reply)
        return (
            message if trace.input_text is UNSET else trace.input_text,
            reply if trace.output_text is UNSET else trace.output_text,
        )


def _first_text(own: Any, found: str | None) -> str | None:
    return found if own is None else text_of(own)


def makes_turn(trace: OpenTrace, exchange: Exchange, message: str | None, reply: str | None, has_id: bool) -> bool:
    """Decide whether a trace is a turn: by verbs, by its work, by its reply, else by its message with evidence."""
    if trace.input_text is not UNSET or trace.output_text is not UNSET:
        return True
    if any(span.kind in TURN_KINDS for span in trace.spans):
        return True
    if reply is not None:
        return True
    if message is None:
        return False
    by_hook = message is not exchange.message.text
    return by_hook or exchange.message.sure or exchange.reply.recognised or has_id
