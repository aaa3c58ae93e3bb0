"""Our own spans on the side of OpenTelemetry: made by the user's provider, current there as they are here.

No token outlives a `yield`: a span held by a generator is put into the context as a follower, which knows who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Any

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import Span, SpanKind, get_current_span, set_span_in_context

from convotrace.hooks.opentelemetry import attributes as names
from convotrace.hooks.opentelemetry.server import Follower, Server, is_adopted, span_of
from convotrace.recorder import OpenSpan, OpenTrace
from convotrace.settings import Settings

SCOPE = "convotrace"


class Made:
    """What OpenTelemetry has of a span of ours, and what was current there before."""

    __slots__ = ("before", "inside", "span", "token")

    def __init__(self, span: Span | None, before: Context, inside: Context, token: Token[Context] | None) -> None:
        self.span = span
        self.before = before
        self.inside = inside
        self.token = token


class RequestTelemetry:
    """What one trace tells OpenTelemetry.

    Args:
        settings: The options in force.
        trace: The trace.
        server: Its request's span.
        inside: The context for the app; None leaves it as it is where the app is called.
    """

    __slots__ = ("_bytes", "_content", "_inside", "_may_ask", "_who", "server")

    def __init__(self, settings: Settings, server: Server, inside: Context | None) -> None:
        self.server = server
        self._inside = inside
        self._content = settings.content is True and not settings.content_off
        # The app's own functions are asked once the app has seen the request: its middlewares know the user by then.
        self._may_ask = settings.session_id is None and settings.user_id is None
        self._who: dict[str, str] = {}
        self._bytes = -1

    def swap(self, context: Any = None) -> Any:
        """Make a context current, by default the one for the app; return the one before."""
        before = get_current()
        if context is None:
            context = self._inside
        if context is not None and context is not before:
            attach(context)
        return before

    def answering(self, trace: OpenTrace) -> None:
        """Take the server span that has begun further in, and write on it whose request it is, before it ends."""
        if self.server.tracer is None:
            return
        try:
            self._sight(get_current_span())
            self._bytes, self._may_ask = -1, True
            if self.server.span is not None:
                self.stamp(trace, self.server.span)
        except Exception:  # a fault of ours is none of the app's
            return

    def settle(self, trace: OpenTrace) -> None:
        """Begin our own span where there is no other: the trace is about to be shown under its ids."""
        if self.server.tracer is None or self.server.span is not None:
            return
        try:
            self._sight(get_current_span())
        except Exception:
            pass
        self.server.ensure()

    def finish(self, trace: OpenTrace) -> None:
        """End our own span; where none was asked for so far and no other came, it begins only now."""
        try:
            self.settle(trace)
            span, own = self.server.span, self.server.own
            if self.server.leave(trace) and own and span is not None:
                self.stamp(trace, span)
                names.end_request(span, trace)
        except Exception:
            return

    def drop(self, trace: OpenTrace) -> None:
        """Forget a trace that turned out to be none."""
        self.server.leave(trace)

    def stamp(self, trace: OpenTrace, span: Span) -> None:
        """Write session and user on a span, as far as they are known; nothing on one that takes nothing."""
        if not span.is_recording():
            return
        # One by one: the SDK takes half as long as for several at once.
        for name, value in self.who(trace).items():
            span.set_attribute(name, value)

    def who(self, trace: OpenTrace) -> Mapping[str, str]:
        """Return session and user as attributes; asked again when more of the body has been read."""
        if self._bytes != trace.request_bytes and (self._may_ask or trace.found is not None):
            self._bytes = trace.request_bytes
            session = None if trace.identify is None else trace.identify(trace)
            found = {"session.id": session, "user.id": trace.user_id}
            self._who = {name: value for name, value in found.items() if value is not None}
        return self._who

    def opened(self, span: OpenSpan) -> None:
        """Make a span of ours current on the other side too."""
        try:
            if self.server.tracer is None:
                self._follow(span)
            else:
                self._make(span)
        except Exception:
            return

    def closed(self, span: OpenSpan) -> None:
        """Say what a span of ours held, and end it on the other side."""
        made: Made = span.telemetry
        try:
            _go_back(made)
            if made.span is not None:
                names.end_span(made.span, span, self._content and span.trace.content)
        except Exception:
            return

    def parent_of(self, span: OpenSpan) -> int | None:
        """Return the id of another's span that a span of ours begins in; None where one of ours is nearer."""
        if self.server.tracer is None:
            return None
        here = get_current_span()
        return here.get_span_context().span_id if self._is_nearer(here, span) else None

    def _follow(self, span: OpenSpan) -> None:
        """Have a follower in the context: without a provider that is all that other libraries can see."""
        before = get_current()
        if not isinstance(get_current_span(before), Follower):
            inside = set_span_in_context(Follower(self.server), before)
            span.telemetry = Made(None, before, inside, _attached(inside, span))

    def _make(self, span: OpenSpan) -> None:
        before = get_current()
        here = get_current_span(before)
        self._sight(here)
        if self._is_nearer(here, span):
            parent, span.parent_ref = here, here.get_span_context().span_id
        else:
            parent = span_of(span.parent) or self.server.ensure()
        made = self.server.tracer.start_span(  # type: ignore[union-attr]
            span.name,
            context=set_span_in_context(parent, before),
            kind=SpanKind.CLIENT if span.kind in names.CALLS else SpanKind.INTERNAL,
            attributes={"convotrace.kind": span.kind, **self.who(span.trace)},
            start_time=span.started,
        )
        if made.get_span_context().is_valid:
            span.id = made.get_span_context().span_id
        shown = made if getattr(span, "held_by", None) is None else Follower(self.server, span, here)
        inside = set_span_in_context(shown, before)
        span.telemetry = Made(made, before, inside, _attached(inside, span))

    def _is_nearer(self, here: Span, span: OpenSpan) -> bool:
        """Tell whether a span of OpenTelemetry's stands between a span of ours and what is above it here."""
        if isinstance(here, Follower):
            return False
        ids = here.get_span_context()
        if not ids.is_valid or ids.trace_id != span.trace.id or ids.span_id == span.trace.span_id:
            return False
        above = span.parent
        while above is not None:
            if ids.span_id in (above.id, above.parent_ref):
                return False
            above = above.parent
        return True

    def _sight(self, here: Span) -> None:
        """Take a server span that has begun further in and was not told to us: it was not sampled, or is another's."""
        if self.server.span is not None or self.server.is_message or isinstance(here, Follower):
            return
        ids, kind = here.get_span_context(), getattr(here, "kind", None)
        is_server = kind is SpanKind.SERVER or (kind is None and not here.is_recording())
        if ids.is_valid and not ids.is_remote and is_server and not is_adopted(ids.span_id):
            self.server.adopt(here)


def _attached(inside: Context, span: OpenSpan) -> Token[Context] | None:
    token = attach(inside)
    return token if getattr(span, "held_by", None) is None else None


def _go_back(made: Made) -> None:
    if made.token is not None:
        try:
            # Not `detach`: it logs an error where a span is left in another context than it was entered in.
            made.token.var.reset(made.token)
            return
        except (ValueError, RuntimeError, AttributeError):
            pass
    if get_current() is made.inside:
        attach(made.before)
