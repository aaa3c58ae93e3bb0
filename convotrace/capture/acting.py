"""Acting while a turn runs: the hooks' side (`on_turn`, `Turn`) and the handler's (`advice`).

When hooks are called, and how long is waited for one, is decided in `observer.acting`; a refusal is sent by the doors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, overload

from convotrace.capture.current import here, trace_of
from convotrace.errors import SettingsError
from convotrace.recorder import OpenTrace, text_of

if TYPE_CHECKING:
    from convotrace.identity import Incoming
    from convotrace.insight.budgets import Refusal
    from convotrace.insight.spending import Totals
    from convotrace.model import Json

F = TypeVar("F", bound=Callable[..., Any])
WHENS = ("before", "after")
NOTICE, ADVICE, STOP, HANDOFF, REFUSAL = "notice", "advise", "stop", "handoff", "refuse"

HOOKS: list[Hook] = []
"""What `on_turn` made, for every ConvoTrace of this process; empty in most apps, and then nothing else is looked at."""


@dataclass(frozen=True)
class Hook:
    """A function of the app's that is called with each turn."""

    function: Callable[[Turn], Any]
    when: str
    name: str


@dataclass(frozen=True)
class Effect:
    """What a hook or a budget wants: one of the words above."""

    kind: str
    text: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None


class Turn:
    """A turn as a hook sees it, before or after the app has handled it; each method says what is to happen.

    Attributes:
        when: `before`, `asked` (the app called `convotrace.advice()`) or `after`.
        session_id: None as long as nothing says it.
        user_id: None as long as nothing says it.
        totals: What the session has come to by now, with this turn.
        running: What this turn alone has come to by now.
        request: Method, path, headers, query and, once the app has read it, body; None outside a request.
    """

    __slots__ = ("effects", "request", "running", "session_id", "totals", "user_id", "when")

    def __init__(
        self, when: str, session_id: str | None, user_id: str | None, totals: Totals, running: Totals,
        request: Incoming | None = None,
    ) -> None:  # fmt: skip
        self.when = when
        self.session_id = session_id
        self.user_id = user_id
        self.totals = totals
        self.running = running
        self.request = request
        self.effects: list[Effect] = []

    @property
    def body(self) -> Json:
        """The parsed body of the request, None before the app has read it."""
        return None if self.request is None else self.request.body

    def notice(self, text: str) -> None:
        """Have the app say something to the user: it finds it in `convotrace.advice().notices`."""
        self.effects.append(Effect(NOTICE, text_of(text)))

    def advise(self, /, **values: Any) -> None:
        """Hand values to the app: `turn.advise(model="small")` is `convotrace.advice().get("model")` there."""
        self.effects.append(Effect(ADVICE, None, dict(values)))

    def stop(self, reason: str = "") -> None:
        """Have the app stop its loop: `convotrace.advice().stop` is true there."""
        self.effects.append(Effect(STOP, text_of(reason)))

    def hand_over(self, team: str = "", reason: str = "") -> None:
        """Hand the session over to a person: it is noted as escalated, and the app is told."""
        self.effects.append(Effect(HANDOFF, text_of(reason), {"team": text_of(team)}))

    def refuse(self, answer: Any, status: int = 429, content_type: str | None = None) -> None:
        """Answer in the place of the app, which is not called.

        Where the session is known only once the app has read the body it is too late for that: the app is then told
        to stop, and finds the answer in `convotrace.advice().refusal`.

        Args:
            answer: What can be JSON, a text, or bytes.
            status: HTTP status.
            content_type: By the kind of `answer` when None.
        """
        from convotrace.insight.budgets import refusal_of  # apps without hooks need none of it

        self.effects.append(Effect(REFUSAL, None, {}, refusal_of("turn.refuse", answer, status, content_type)))


class Advice:
    """What hooks and budgets have to say to the app about the running turn.

    Attributes:
        stop: Whether the app should stop calling tools and models, and answer.
        reason: Why, in words; "" where nobody said.
        notices: What the user should be told.
        team: Who takes over where the session was handed over, else None.
        refusal: The answer (`body`, `status`, `content_type`) of a refusal that came too late to be sent by itself.
    """

    __slots__ = ("_values", "notices", "reason", "refusal", "stop", "team")

    def __init__(self) -> None:
        self.stop = False
        self.reason = ""
        self.notices: tuple[str, ...] = ()
        self.team: str | None = None
        self.refusal: Refusal | None = None
        self._values: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value that a hook or budget hands over: `advice().get("model", "large")`."""
        return self._values.get(name, default)

    def take(self, effect: Effect, is_late: bool) -> None:
        """Add what a hook or budget wants."""
        if effect.kind == NOTICE and effect.text and effect.text not in self.notices:
            self.notices = (*self.notices, effect.text)
        elif effect.kind == ADVICE:
            self._values.update(effect.values)
        elif effect.kind == HANDOFF:
            self.team = self.team or text_of(effect.values.get("team") or "")
        elif effect.kind == STOP or (effect.kind == REFUSAL and is_late):
            self.stop = True
            self.reason = self.reason or effect.text or ""
            self.refusal = self.refusal or effect.refusal


@overload
def on_turn(function: F) -> F: ...


@overload
def on_turn(function: None = None, *, when: str = "before", name: str | None = None) -> Callable[[F], F]: ...


def on_turn(function: F | None = None, *, when: str = "before", name: str | None = None) -> Any:
    """Have a function called with each turn of every app of this process: `@convotrace.on_turn`.

    It takes a `Turn` and says by its methods what is to happen. A plain function runs in a thread, an async one in the
    app's loop; after `hook_timeout` the request goes on without it.

    Args:
        function: The function.
        when: `before` the app's handler (and again whenever the app asks for `advice()`), or `after` it.
        name: What it is called; its own name when None.

    Raises:
        SettingsError: This is no function, or no such moment.
    """
    return registered(HOOKS, function, when, name)


def registered(hooks: list[Hook], function: Any, when: str, name: str | None) -> Any:
    """Add a hook to a list, at once or as a decorator with arguments; see `on_turn`."""
    if when not in WHENS:
        raise SettingsError(f"on_turn has when={when!r}; use before or after.")
    if function is None:
        return lambda given: registered(hooks, given, when, name)
    if not callable(function):
        raise SettingsError(f"on_turn came with {type(function).__name__}; use a function of one argument, the turn.")
    hooks.append(Hook(function, when, name or str(getattr(function, "__name__", type(function).__name__))))
    return function


def advice() -> Advice:
    """Return what hooks and budgets have to say about the running turn, asking them now; nothing outside one.

    Call it in the loop of an agent: `if convotrace.advice().stop: break`. Hooks that are async are not asked again.
    """
    node = here()
    trace = None if node is None else trace_of(node)
    act = None if trace is None else act_of(trace)
    return Advice() if act is None else act.ask()


def act_of(trace: OpenTrace) -> Any:
    """Return what acts on a trace, None where nothing does."""
    return trace.noted("act") or None


def totals_of(trace: OpenTrace) -> Totals | None:
    """Return what the session of a trace has come to, None where nobody keeps count."""
    act = act_of(trace)
    return None if act is None else act.totals()
