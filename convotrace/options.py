"""What each option takes, as a keyword and as a text of the environment; each mistake gets one clear sentence.

Which options there are, and why, `settings.py` says.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from convotrace.errors import SettingsError

RIGHTS = ("read", "annotate", "export", "delete", "audit")
TOKEN_TYPES = ("input", "output", "cached_read", "cached_write", "reasoning", "input_audio", "output_audio")
"""What a price may be named for."""

REDACTED_KINDS = ("secrets", "authorization", "cookies", "email", "phone", "card", "iban", "ip", "user", "all")
"""What may be redacted by its looks."""

_MAX_DOLLARS = 10**9
_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)


def checked(name: str, value: Any) -> Any:
    """Return the value of an option in the form in which it is kept.

    Args:
        name: The option.
        value: What the user gave.

    Raises:
        SettingsError: The option does not take it.
    """
    check = _CHECKS.get(name)
    return check(name, value) if check else value


def from_text(name: str, text: str, default: Any) -> Any:
    """Return the value that a text of the environment stands for.

    Args:
        name: The option.
        text: What the environment says.
        default: The default, whose type the value has.

    Raises:
        SettingsError: It stands for none.
    """
    if isinstance(default, bool) or name == "capture_logs":
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off", ""):
            return False
        if name == "capture_logs":
            return text
        raise SettingsError(f"{name} came as {text!r}; use 1 or 0.")
    if name in ("prices", "budgets"):
        return _from_json(name, text)
    if name.startswith(("retention_", "audit_")) and text.strip().lower() == "none":
        return None
    if isinstance(default, tuple) or name == "redact":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        if name in ("retention_days", "audit_days"):
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
        wanted = "an object of model names and prices" if name == "prices" else "a list of objects, one for each"
        raise SettingsError(f"{name} is no JSON; use {wanted}.") from None


def shown_url(url: str) -> str:
    """Return a store's URL without what is secret in it: a password, and all behind a question mark."""
    head, _, rest = url.partition("://")
    if not rest or head == "sqlite":
        return url
    user, at, place = rest.rpartition("@")
    return f"{head}://{user.partition(':')[0]}{at}{place.partition('?')[0]}"


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise SettingsError(f"{name} came as {value!r}; use True or False.")


def _positive(name: str, value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf"):
        return value
    raise SettingsError(f"{name} came as {value!r}; use a number above 0.")


def _share(name: str, value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise SettingsError(f"{name} came as {value!r}; use a share from 0 to 1, such as 0.1 for a tenth of the sessions.")


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


def _evaluators(name: str, value: Any) -> tuple[Any, ...]:
    given = [value] if isinstance(value, str) or callable(value) else value
    if not isinstance(given, Sequence) or not all(isinstance(one, str) or callable(one) for one in given):
        raise SettingsError(f"{name} came as {value!r}; use a list of evaluators, functions or names of built-in ones.")
    return tuple(given)


def _definitions(name: str, value: Any) -> tuple[Any, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    if not all(hasattr(one, "rubric") and hasattr(one, "checked") for one in given):
        raise SettingsError(f"{name} came as {type(value).__name__}; use a list of score_definition(…).")
    return tuple(given)


def _rules(name: str, value: Any) -> tuple[Any, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    if not all(_is_path(one) or (hasattr(one, "words") and hasattr(one, "notify")) for one in given):
        raise SettingsError(
            f"{name} came as {type(value).__name__}; use a list of alert(…), session_alert(…) and paths of .toml files."
        )
    return tuple(given)


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike)) and str(value).endswith(".toml")


def _budgets(name: str, value: Any) -> tuple[Any, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    if not all(hasattr(one, "reached") or isinstance(one, Mapping) for one in given):
        raise SettingsError(f"{name} came as {type(value).__name__}; use a list of budget(…), or of mappings.")
    return tuple(given)


def _webhooks(name: str, value: Any) -> tuple[Any, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    if not all(
        hasattr(one, "url") or (isinstance(one, str) and one.startswith(("https://", "http://"))) for one in given
    ):
        # What came is not shown: the address of a webhook is a secret.
        raise SettingsError(f"{name} has something that is no address; use https://… or Webhook(…).")
    return tuple(given)


def _forwards(name: str, value: Any) -> tuple[Any, ...]:
    given = value if isinstance(value, (list, tuple)) else [value]
    if not all(
        hasattr(one, "endpoint") or (isinstance(one, str) and one.startswith(("https://", "http://"))) for one in given
    ):
        # What came is not shown: an address may hold a key.
        raise SettingsError(f"{name} has something that is no address; use http://127.0.0.1:4318 or Forward(…).")
    return tuple(given)


def _headers(name: str, value: Any) -> tuple[str, ...]:
    given = [f"{key}={text}" for key, text in value.items()] if isinstance(value, Mapping) else value
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, str) and "=" in one[1:] for one in given):
        raise SettingsError(f"{name} has something that is no header; use a mapping, or texts such as Name=value.")
    return tuple(given)


def _path(name: str, value: Any) -> str | None:
    return None if value is None else _mount(name, value)


def _store(name: str, value: Any) -> str:
    text = str(value)
    if text == "memory:" or (text.startswith("sqlite:///") and len(text) > len("sqlite:///")):
        return text
    if text.startswith(("postgresql://", "postgres://")):
        return text
    # Only what follows an @ is shown: before it may stand a password.
    raise SettingsError(
        f"{name} came as {text.split('@')[-1]!r}; use sqlite:///path/to/file.db, memory: or postgresql://user@host/db."
    )


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


def _content(name: str, value: Any) -> Any:
    return _plain_function(name, value) if callable(value) else _boolean(name, value)


def _content_off(name: str, value: Any) -> tuple[str, ...]:
    rules = _texts(name, value)
    for rule in rules:
        if not re.match(r"/|\*|user:.|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=|$)", rule):
            accepted = "a path pattern such as /health/*, user:<pattern>, header:<name> or header:<name>=<value>"
            raise SettingsError(f"{name} has {rule!r}; use {accepted}.")
    return rules


def _redact(name: str, value: Any) -> Any:
    """Accept names of presets, compiled patterns and functions, one or several; None is no redaction by looks."""
    if value is None or value == ("none",):
        return None
    given = tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    for one in given:
        if isinstance(one, re.Pattern):
            if not isinstance(one.pattern, str):
                raise SettingsError(f"{name} has a pattern of bytes; use one of texts.")
        elif not callable(one) and one not in REDACTED_KINDS:
            accepted = ", ".join(REDACTED_KINDS)
            raise SettingsError(f"{name} has {one!r}; use {accepted}, a compiled pattern or a function of a text.")
        elif callable(one):
            _plain_function(name, one)
    return value if isinstance(value, str) else given


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
    **dict.fromkeys(("log_ids", "log_turns", "otlp_receiver"), _boolean),
    **dict.fromkeys(("idle_timeout", "max_body_bytes", "hook_timeout"), _positive),
    "sample": _share,
    **dict.fromkeys(("retention_days", "retention_bytes", "retention_rows", "audit_days"), _limit),
    **dict.fromkeys(("environment", "release", "service", "token", "otlp_token", "page_url"), _text),
    **dict.fromkeys(("session_id", "user_id", "input_text", "output_text", "outcome"), _plain_function),
    "auth": _callable,
    **dict.fromkeys(("exclude", "session_headers", "session_fields", "session_query", "session_cookies"), _texts),
    "handoff_tools": _texts,
    "propagate": _hosts,
    "instrument": _instruments,
    "prices": _prices,
    "mount": _mount,
    "evaluators": _evaluators,
    "score_definitions": _definitions,
    "alerts": _rules,
    "budgets": _budgets,
    "webhooks": _webhooks,
    "forward": _forwards,
    "forward_headers": _headers,
    "forward_dialect": _one_of("otel", "phoenix", "langfuse", "maxim"),
    "feedback_path": _path,
    "store": _store,
    "rights": _rights,
    "content": _content,
    "content_off": _content_off,
    "redact": _redact,
    "redact_fields": _texts,
    "redact_with": _one_of("mark", "pseudonym"),
    "capture_logs": _one_of("auto", True, False),
    "log_level": _level,
    "opentelemetry": _one_of("auto", "global", "off"),
}  # fmt: skip
