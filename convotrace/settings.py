"""Every option of convotrace: its default, its reason, how the environment names it.

No option is read anywhere else. Nothing here opens a file or starts anything.
"""

from __future__ import annotations

import difflib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from convotrace.errors import SettingsError

DEFAULT_STORE = "sqlite:///.convotrace/sessions.db"
RIGHTS = ("read", "annotate", "export", "delete")
TOKEN_TYPES = ("input", "output", "cached_read", "cached_write", "reasoning", "input_audio", "output_audio")
"""What a price may be named for."""

DEFAULT_EXCLUDE = (
    "OPTIONS", "HEAD", "/favicon.ico", "/robots.txt", "*/static/*", "*/assets/*", "/health*", "/metrics",
    "/docs", "/docs/*", "/redoc", "/openapi.json",
)  # fmt: skip
DEFAULT_NAMES = ("session_id", "conversation_id", "thread_id", "chat_id")

_MAX_DOLLARS = 10**9
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)

# Options whose feature comes later: named now so that the name is fixed, refused so that nobody relies on silence.
_NOT_YET: dict[str, Any] = {
    "sample": 1.0, "feedback_path": None, "alerts": (), "evaluators": (), "webhooks": (),
}  # fmt: skip


@dataclass(frozen=True)
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
    input_text: Callable[[Any], str | None] | None = None
    output_text: Callable[[Any], str | None] | None = None
    content: bool = True
    redact: str | None = "secrets"

    # "auto": where structlog or logging are already used, their lines of the request are kept.
    capture_logs: str | bool = "auto"
    log_level: str = "INFO"
    log_ids: bool = False
    log_turns: bool = False

    auth: Callable[[Any], Any] | None = None
    token: str | None = None
    rights: tuple[str, ...] = ("read", "annotate", "export")
    hook_timeout: float = 0.05
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
    evaluators: tuple[Any, ...] = ()
    webhooks: tuple[str, ...] = ()

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
        merged = {**env, **{name: _checked(name, value) for name, value in given.items()}}
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
    return tuple(f.name for f in fields(Settings) if not f.metadata.get("fact"))


def _quiet_under_pytest(settings: Settings) -> Settings:
    # A test run of the host must not fill the developer's own store, unless a store was named for it.
    if "pytest" in sys.modules and "PYTEST_VERSION" in os.environ and not settings.store_named:
        return replace(settings, enabled=False)
    return settings


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Read `CONVOTRACE_<NAME>`; a wrong value must never stop the app, so it becomes a warning and the default."""
    found: dict[str, Any] = {}
    warnings: list[str] = []
    for name in option_names():
        text = environ.get("CONVOTRACE_" + name.upper())
        if text is None:
            continue
        try:
            found[name] = _checked(name, _from_text(name, text))
        except SettingsError as error:
            warnings.append(f"CONVOTRACE_{name.upper()}: {error} The default is used.")
    return found, warnings


def _from_text(name: str, text: str) -> Any:
    default = getattr(Settings, name)
    if isinstance(default, bool) or name == "capture_logs":
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off", ""):
            return False
        if name == "capture_logs":
            return text
        raise SettingsError(f"{name} came as {text!r}; use 1 or 0.")
    if name == "prices":
        return _from_json(name, text)
    if name.startswith("retention_") and text.strip().lower() == "none":
        return None
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        if name == "retention_days":
            return float(text)
        if isinstance(default, int) or name in ("retention_rows",):
            return int(text)
        if isinstance(default, float):
            return float(text)
    except ValueError:
        raise SettingsError(f"{name} came as {text!r}; use a number.") from None
    return text


def _from_json(name: str, text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise SettingsError(f"{name} is no JSON; use an object of model names and prices.") from None


def _checked(name: str, value: Any) -> Any:
    if name not in option_names():
        raise SettingsError(_unknown(name))
    if name in _NOT_YET:
        return _not_yet(name, value)
    check = _CHECKS.get(name)
    return check(name, value) if check else value


def _not_yet(name: str, value: Any) -> Any:
    if (tuple(value) if isinstance(value, list) else value) != _NOT_YET[name]:
        # What came is not shown: it may be a token.
        raise SettingsError(f"{name} is not yet supported; leave {name} out until a release says so.")
    return _NOT_YET[name]


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, option_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else "see the README for every option."
    return f"{name} is not an option of convotrace; {hint}"


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise SettingsError(f"{name} came as {value!r}; use True or False.")


def _positive(name: str, value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf"):
        return value
    raise SettingsError(f"{name} came as {value!r}; use a number above 0.")


def _limit(name: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        return _positive(name, value)
    except SettingsError as error:
        raise SettingsError(f"{error} None keeps everything.") from None


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise SettingsError(f"{name} came as {type(value).__name__}; use a text.")


def _callable(name: str, value: Any) -> Any:
    if value is None or callable(value):
        return value
    raise SettingsError(f"{name} came as {value!r}; use a function of one argument.")


def _plain_function(name: str, value: Any) -> Any:
    if inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004
        raise SettingsError(f"{name} came as an async function; use a plain one, its answer is needed at once.")
    return _callable(name, value)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise SettingsError(f"{name} came as {value!r}; use a list of texts.")


def _mount(name: str, value: Any) -> str:
    if isinstance(value, str) and value.startswith("/") and len(value) > 1 and "//" not in value and "?" not in value:
        return value.rstrip("/")
    raise SettingsError(f"{name} came as {value!r}; use a path such as /_sessions.")


def _store(name: str, value: Any) -> str:
    text = str(value)
    if text.startswith(("postgresql://", "postgres://")):
        raise SettingsError(f"{name}={text.split('@')[-1]!r} is not yet supported; use sqlite:///path or memory:.")
    if text == "memory:" or (text.startswith("sqlite:///") and len(text) > len("sqlite:///")):
        return text
    # Only what follows an @ is shown: before it may stand a password.
    raise SettingsError(f"{name} came as {text.split('@')[-1]!r}; use sqlite:///path/to/file.db or memory:.")


def _rights(name: str, value: Any) -> tuple[str, ...]:
    rights = _texts(name, value)
    wrong = [right for right in rights if right not in RIGHTS]
    if wrong:
        raise SettingsError(f"{name} has {wrong[0]!r}; use some of {', '.join(RIGHTS)}.")
    return rights


def _one_of(*accepted: Any) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        for choice in accepted:
            if value is choice or value == choice:
                return choice
        raise SettingsError(f"{name} came as {value!r}; use one of {', '.join(map(repr, accepted))}.")

    return check


def _level(name: str, value: Any) -> str:
    text = str(value).upper()
    if text in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        return text
    raise SettingsError(f"{name} came as {value!r}; use DEBUG, INFO, WARNING, ERROR or CRITICAL.")


def _hosts(name: str, value: Any) -> tuple[str, ...]:
    hosts = _texts(name, value)
    for host in hosts:
        if _HOST.fullmatch(host.lower()) is None:
            raise SettingsError(f"{name} has {host!r}; use host names, such as api.example.com or *.example.com:8443.")
    return hosts


def _instruments(name: str, value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) and value else _texts(name, value)


def _prices(name: str, value: Any) -> dict[str, dict[str, Decimal]] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name} came as {type(value).__name__}; use a mapping of model names to prices.")
    for pattern in value:
        if not isinstance(pattern, str) or not pattern.strip():
            raise SettingsError(f"{name} has a model of {pattern!r}; use a model's name, such as 'gpt-4.1*'.")
    return {pattern: _rates(f"{name}[{pattern!r}]", rates) for pattern, rates in value.items()}


def _rates(where: str, rates: Any) -> dict[str, Decimal]:
    if not isinstance(rates, Mapping) or not {"input", "output"} & rates.keys():
        raise SettingsError(f'{where} came as {rates!r}; use {{"input": dollars, "output": dollars}} a million tokens.')
    for kind in rates:
        if kind not in TOKEN_TYPES:
            raise SettingsError(f"{where} has a price for {kind!r}; use some of {', '.join(TOKEN_TYPES)}.")
    return {kind: _dollars(f"{where}[{kind!r}]", rate) for kind, rate in rates.items()}


def _dollars(where: str, rate: Any) -> Decimal:
    try:
        amount = Decimal(str(rate)) if isinstance(rate, (int, float, str, Decimal)) and rate is not True else None
    except InvalidOperation:
        amount = None
    if amount is None or not (amount.is_finite() and 0 <= amount < _MAX_DOLLARS):
        raise SettingsError(f"{where} came as {rate!r}; use US dollars for a million tokens, such as 0.40.")
    return amount


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("enabled", "dev", "history", "split_users", "issue_cookie", "capture_bodies"), _boolean),
    **dict.fromkeys(("content", "log_ids", "log_turns", "otlp_receiver"), _boolean),
    **dict.fromkeys(("idle_timeout", "max_body_bytes", "hook_timeout"), _positive),
    **dict.fromkeys(("retention_days", "retention_bytes", "retention_rows"), _limit),
    **dict.fromkeys(("environment", "release", "service", "token", "otlp_token", "page_url"), _text),
    **dict.fromkeys(("session_id", "user_id", "input_text", "output_text"), _plain_function),
    "auth": _callable,
    **dict.fromkeys(("exclude", "session_headers", "session_fields", "session_query", "session_cookies"), _texts),
    "propagate": _hosts,
    "instrument": _instruments,
    "prices": _prices,
    "mount": _mount,
    "store": _store,
    "rights": _rights,
    "redact": _one_of("secrets", None),
    "capture_logs": _one_of("auto", True, False),
    "log_level": _level,
    "opentelemetry": _one_of("auto", "global", "off"),
}  # fmt: skip
