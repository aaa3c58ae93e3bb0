"""Every option of convotrace: its default, its reason, how the environment names it. What each takes: `options.py`.

No option is read anywhere else. Nothing here opens a file or starts anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from decimal import Decimal
from typing import Any

from convotrace.errors import SettingsError
from convotrace.options import checked, from_text
from convotrace.quick import record

DEFAULT_STORE = "sqlite:///.convotrace/sessions.db"
DEFAULT_EXCLUDE = (
    "OPTIONS", "HEAD", "/favicon.ico", "/robots.txt", "*/static/*", "*/assets/*", "/health*", "/metrics",
    "/docs", "/docs/*", "/redoc", "/openapi.json",
)  # fmt: skip
DEFAULT_NAMES = ("session_id", "conversation_id", "thread_id", "chat_id")


@record(frozen=True, slots=True)
class Settings:
    """All options. Make one with `Settings.of(**options)`, which checks them."""

    enabled: bool = True
    # A file beside the app: no server to run. Its folder is private and ignored by git.
    store: str = DEFAULT_STORE
    mount: str = "/_sessions"
    # Development is declared, never guessed: behind a proxy every client looks local.
    dev: bool = False
    environment: str | None = None
    release: str | None = None
    service: str | None = None
    # By session, since half a conversation explains nothing; what failed or was judged is kept.
    sample: float = 1.0
    # Methods (upper case) and path patterns that never make a trace.
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    idle_timeout: float = 30 * 60.0

    session_id: Callable[[Any], str | None] | None = None
    user_id: Callable[[Any], str | None] | None = None
    session_headers: tuple[str, ...] = ("X-Session-ID", "X-Conversation-ID", "X-Thread-ID")
    session_fields: tuple[str, ...] = DEFAULT_NAMES
    session_query: tuple[str, ...] = DEFAULT_NAMES
    # Opaque values only: a signed cookie changes with every answer and names nothing.
    session_cookies: tuple[str, ...] = ("session_id", "conversation_id", "thread_id", "sessionid")
    history: bool = True
    split_users: bool = True
    # A Set-Cookie stops shared caches, so it is off unless asked for.
    issue_cookie: bool = False

    capture_bodies: bool = True
    max_body_bytes: int = 256 * 1024
    # Tools by which the app hands over to a person: a call of one ends a session as escalated.
    handoff_tools: tuple[str, ...] = ()
    # How a session ended that has been silent for `idle_timeout`: the app's own rule before the facts.
    outcome: Callable[[Any], Any] | None = None
    input_text: Callable[[Any], str | None] | None = None
    output_text: Callable[[Any], str | None] | None = None
    # Or a function of the request: only where it answers True are its words kept.
    content: bool | Callable[[Any], Any] = True
    # Path patterns, `user:<pattern>`, `header:<name>` or `header:<name>=<value>`: the words of these are never kept.
    content_off: tuple[str, ...] = ()
    # By what they look like; fields whose names say secret are never stored, whatever this says.
    redact: Any = "secrets"
    redact_fields: tuple[str, ...] = ()
    # "mark": [redacted: email]; "pseudonym": email_9c1d3f2a0b7e, the same for equal values.
    redact_with: str = "mark"

    # "auto": where structlog or logging are already used, their lines of the request are kept.
    capture_logs: str | bool = "auto"
    log_level: str = "INFO"
    log_ids: bool = False
    log_turns: bool = False

    auth: Callable[[Any], Any] | None = None
    token: str | None = None
    rights: tuple[str, ...] = ("read", "annotate", "export")
    hook_timeout: float = 0.05
    # Who looked at, searched, judged, exported or erased what, for so many days; None: for ever.
    audit_days: float | None = 365
    feedback_path: str | None = None
    page_url: str | None = None

    # What is older, or more, goes by itself, whole sessions at a time; None keeps all.
    retention_days: float | None = 30
    retention_bytes: int | None = 1 << 30
    retention_rows: int | None = None
    opentelemetry: str = "auto"
    instrument: tuple[str, ...] = ()
    propagate: tuple[str, ...] = ()
    otlp_receiver: bool = False
    otlp_token: str | None = None

    # Own or changed prices: model pattern → US dollars for a million tokens by token type.
    prices: Mapping[str, Mapping[str, Decimal]] | None = None
    alerts: tuple[Any, ...] = ()
    # Limits of a session, and what happens at them while a turn runs.
    budgets: tuple[Any, ...] = ()
    evaluators: tuple[Any, ...] = ()
    # What scores have to be; kept in the store, so that the page and every process know them.
    score_definitions: tuple[Any, ...] = ()
    webhooks: tuple[str, ...] = ()
    # OTLP backends that get what is recorded; the store is the queue, so one that is down costs nothing.
    forward: tuple[Any, ...] = ()
    forward_headers: tuple[str, ...] = ()
    forward_dialect: str = "otel"

    # Facts about this object, not options.
    warnings: tuple[str, ...] = field(default=(), metadata={"fact": True})
    store_named: bool = field(default=False, metadata={"fact": True})

    @classmethod
    def of(cls, options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Return checked settings from keywords and the environment.

        Args:
            options: Keywords as the user wrote them; they win over the environment.
            environ: Variables such as `CONVOTRACE_STORE`; the process's own when None.

        Raises:
            SettingsError: A keyword is unknown, has a wrong value, or belongs to a later release.
        """
        given = dict(options or {})
        env, warnings = _from_environment(os.environ if environ is None else environ)
        merged = {**env, **{name: _known(name, value) for name, value in given.items()}}
        return _quiet_under_pytest(cls(**merged, warnings=tuple(warnings), store_named="store" in merged))

    def with_dev(self, declared: bool) -> Settings:
        """Return these settings with development declared by the framework's debug flag."""
        return replace(self, dev=True) if declared and not self.dev else self

    @property
    def effective_environment(self) -> str | None:
        """Return the named environment, else "development" where that is declared."""
        return self.environment or ("development" if self.dev else None)


def option_names() -> tuple[str, ...]:
    """Return the name of every option a user may set."""
    return tuple(_defaults())


def _defaults() -> dict[str, Any]:
    return {f.name: f.default for f in fields(Settings) if not f.metadata.get("fact")}


def _quiet_under_pytest(settings: Settings) -> Settings:
    # A test run of the host must not fill the developer's own store, unless a store was named for it.
    if "pytest" in sys.modules and "PYTEST_VERSION" in os.environ and not settings.store_named:
        return replace(settings, enabled=False)
    return settings


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Read `CONVOTRACE_<NAME>`; a wrong value must never stop the app, so it becomes a warning and the default."""
    found: dict[str, Any] = {}
    warnings: list[str] = []
    for name, default in _defaults().items():
        text = environ.get("CONVOTRACE_" + name.upper())
        if text is None:
            continue
        try:
            found[name] = checked(name, from_text(name, text, default))
        except SettingsError as error:
            warnings.append(f"CONVOTRACE_{name.upper()}: {error} The default is used.")
    return found, warnings


def _known(name: str, value: Any) -> Any:
    if name not in option_names():
        raise SettingsError(_unknown(name))
    return checked(name, value)


def _unknown(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, option_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else "see the README for every option."
    return f"{name} is not an option of convotrace; {hint}"
