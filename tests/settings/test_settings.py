"""Every option: its default, what it takes, and what is said when it is wrong."""

import dataclasses
import re
from decimal import Decimal

import pytest

from convotrace.errors import ConvoTraceError, SettingsError
from convotrace.options import shown_url
from convotrace.settings import DEFAULT_STORE, Settings, option_names

NAMES = ("session_id", "conversation_id", "thread_id", "chat_id")
DEFAULTS = {
    "enabled": True,
    "store": "sqlite:///.convotrace/sessions.db",
    "mount": "/_sessions",
    "dev": False,
    "environment": None,
    "release": None,
    "service": None,
    "sample": 1.0,
    "exclude": (
        "OPTIONS", "HEAD", "/favicon.ico", "/robots.txt", "*/static/*", "*/assets/*", "/health*", "/metrics",
        "/docs", "/docs/*", "/redoc", "/openapi.json",
    ),
    "idle_timeout": 1800.0,
    "session_id": None,
    "user_id": None,
    "session_headers": ("X-Session-ID", "X-Conversation-ID", "X-Thread-ID"),
    "session_fields": NAMES,
    "session_query": NAMES,
    "session_cookies": ("session_id", "conversation_id", "thread_id", "sessionid"),
    "history": True,
    "split_users": True,
    "issue_cookie": False,
    "capture_bodies": True,
    "max_body_bytes": 256 * 1024,
    "handoff_tools": (),
    "outcome": None,
    "input_text": None,
    "output_text": None,
    "content": True,
    "content_off": (),
    "redact": "secrets",
    "redact_fields": (),
    "redact_with": "mark",
    "capture_logs": "auto",
    "log_level": "INFO",
    "log_ids": False,
    "log_turns": False,
    "auth": None,
    "token": None,
    "rights": ("read", "annotate", "export"),
    "hook_timeout": 0.05,
    "audit_days": 365,
    "feedback_path": None,
    "page_url": None,
    "retention_days": 30,
    "retention_bytes": 1 << 30,
    "retention_rows": None,
    "opentelemetry": "auto",
    "instrument": (),
    "propagate": (),
    "otlp_receiver": False,
    "otlp_token": None,
    "prices": None,
    "alerts": (),
    "evaluators": (),
    "score_definitions": (),
    "budgets": (),
    "webhooks": (),
    "forward": (), "forward_headers": (), "forward_dialect": "otel",
}  # fmt: skip


async def answers_later(value):
    """Answer when awaited, as no option may."""


class AnswersLater:
    """The same as an object."""

    async def __call__(self, value):
        """Answer when awaited."""


WRONG = [
    ("sample", -0.1), ("sample", 1.1), ("sample", True), ("sample", "half"), ("sample", float("nan")),
    ("prices", "cheap"), ("prices", [("gpt-4o", {})]), ("prices", {3: {"input": 1}}), ("prices", {" ": {"input": 1}}),
    ("prices", {"own": 3}), ("prices", {"own": {}}), ("prices", {"own": {"cached_read": 1}}),
    ("prices", {"own": {"input": 1, "inptu": 1}}), ("prices", {"own": {"input": -1}}),
    ("prices", {"own": {"input": "one"}}), ("prices", {"own": {"input": True}}), ("prices", {"own": {"input": None}}),
    ("prices", {"own": {"input": float("nan")}}), ("prices", {"own": {"output": 1e300}}),
    ("enabled", "yes"), ("enabled", None), ("dev", 2), ("history", "no"),
    ("alerts", ["rule"]), ("webhooks", ["t0p-s3cret"]), ("webhooks", 5),
    ("mount", "sessions"), ("mount", "/"), ("mount", ""), ("mount", "//x"), ("mount", "/a?b"), ("mount", None),
    ("store", ""), ("store", "sqlite:///"), ("store", "sessions.db"), ("store", "mysql://me:t0p-s3cret@db/x"),
    ("store", None), ("idle_timeout", 0), ("idle_timeout", "30"), ("idle_timeout", True),
    ("max_body_bytes", -1), ("max_body_bytes", float("inf")), ("hook_timeout", float("nan")), ("hook_timeout", None),
    ("session_id", "x"), ("user_id", 3), ("input_text", "f"), ("outcome", "won"), ("auth", "token"), ("auth", True),
    ("session_headers", "X-Session-ID"), ("session_fields", [1]), ("session_query", None), ("exclude", b"/x"),
    ("token", 12), ("page_url", ["x"]), ("environment", 1),
    ("propagate", "api.example.com"), ("propagate", ["http://api.example.com"]), ("propagate", ["*"]),
    ("propagate", ["api.example.com/x"]), ("propagate", ["*.*.x"]), ("propagate", ["h:port"]), ("propagate", [""]),
    ("rights", ["write"]), ("rights", "read"), ("redact", "everything"), ("capture_logs", "yes"),
    ("retention_days", 0), ("retention_bytes", "1 GB"), ("retention_rows", -1), ("retention_days", True),
    ("log_level", "LOUD"), ("log_level", 20), ("opentelemetry", "on"),
    ("evaluators", 5), ("evaluators", [5]), ("evaluators", {"a": len}), ("score_definitions", "good"),
    ("score_definitions", [len]), ("budgets", 5), ("budgets", ["b"]), ("alerts", ["rules.json"]), ("alerts", 5),
    ("forward", "127.0.0.1:4318"), ("forward", ["ftp://t0p-s3cret"]), ("forward", 5), ("forward_dialect", "zipkin"),
    ("forward_headers", "a=b"), ("forward_headers", ["=t0p-s3cret"]), ("forward_headers", [5]),
    ("webhooks", ["ftp://t0p-s3cret"]), ("feedback_path", "thumbs"), ("feedback_path", "/"),
    ("content", "yes"), ("content_off", "/x"), ("content_off", ["x"]), ("content_off", ["user:"]),
    ("content_off", ["header:"]), ("content_off", ["header:a b"]), ("redact", [5]), ("redact", ["email", "everything"]),
    ("redact", re.compile(b"x")), ("redact_with", "stars"), ("redact_fields", "name"), ("log_ids", "no"),
    ("session_id", answers_later), ("user_id", AnswersLater()), ("redact", [answers_later]), ("content", answers_later),
]  # fmt: skip

ENVIRONMENT = [
    ("STORE", "memory:", "store", "memory:"),
    ("ENABLED", "0", "enabled", False),
    ("DEV", "1", "dev", True),
    ("LOG_TURNS", "yes", "log_turns", True),
    ("CONTENT", "Off", "content", False),
    ("MOUNT", "/talks/", "mount", "/talks"),
    ("IDLE_TIMEOUT", "60", "idle_timeout", 60.0),
    ("MAX_BODY_BYTES", "1024", "max_body_bytes", 1024),
    ("SESSION_HEADERS", "X-Chat, X-Talk ,", "session_headers", ("X-Chat", "X-Talk")),
    ("RIGHTS", "read", "rights", ("read",)),
    ("RETENTION_DAYS", "0.5", "retention_days", 0.5),
    ("RETENTION_BYTES", "None", "retention_bytes", None),
    ("RETENTION_ROWS", "1000", "retention_rows", 1000),
    ("CAPTURE_LOGS", "auto", "capture_logs", "auto"),
    ("CAPTURE_LOGS", "0", "capture_logs", False),
    ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ("TOKEN", "12345", "token", "12345"),
    ("RELEASE", "1.2", "release", "1.2"),
    ("AUDIT_DAYS", " NONE ", "audit_days", None),
    ("AUDIT_DAYS", "7", "audit_days", 7.0),
    ("BUDGETS", '{"name": "b", "turns": 3}', "budgets", ({"name": "b", "turns": 3},)),
    ("REDACT", "email, phone", "redact", ("email", "phone")),
    ("REDACT", "none", "redact", None),
    ("CAPTURE_LOGS", "on", "capture_logs", True),
    ("SAMPLE", "0.25", "sample", 0.25),
    ("EXCLUDE", "", "exclude", ()),
    ("PRICES", '{"own": {"input": 0.1}}', "prices", {"own": {"input": Decimal("0.1")}}),
]

WRONG_ENVIRONMENT = [
    ("ENABLED", "maybe"),
    ("IDLE_TIMEOUT", "soon"),
    ("MAX_BODY_BYTES", "256k"),
    ("HOOK_TIMEOUT", "-1"),
    ("STORE", "sessions.db"),
    ("MOUNT", "here"),
    ("RIGHTS", "read,write"),
    ("AUTH", "callable"),
    ("SAMPLE", "5"),
    ("SAMPLE", "half"),
    ("RETENTION_DAYS", "0"),
    ("RETENTION_BYTES", "1 GB"),
    ("RETENTION_ROWS", "many"),
    ("LOG_LEVEL", "LOUD"),
    ("PRICES", "cheap"),
    ("PRICES", "[1]"),
    ("PRICES", "[" * 100_000),
    ("PRICES", '{"own": {"input": NaN}}'),
    ("BUDGETS", "a lot"),
    ("BUDGETS", "[1]"),
    ("AUDIT_DAYS", "long"),
]


PATTERN = re.compile("x")


class Hook:
    """What stands for a webhook, a forward, a budget or a rule."""

    url = endpoint = "http://x"

    def reached(self):
        """Tell a limit."""

    def words(self):
        """Tell when."""

    def notify(self):
        """Tell whom."""


HOOK = Hook()
KEPT = [
    # An option, what it takes, and how it is kept.
    ("evaluators", "latency", ("latency",)), ("evaluators", len, (len,)), ("evaluators", [len, "x"], (len, "x")),
    ("alerts", "rules.toml", ("rules.toml",)), ("alerts", [HOOK], (HOOK,)), ("alerts", HOOK, (HOOK,)),
    ("budgets", {"turns": 1}, ({"turns": 1},)), ("budgets", [HOOK], (HOOK,)),
    ("webhooks", "https://a.example/x", ("https://a.example/x",)), ("webhooks", [HOOK], (HOOK,)),
    ("forward", "http://127.0.0.1:4318", ("http://127.0.0.1:4318",)), ("forward", HOOK, (HOOK,)),
    ("forward_headers", {"a": "b=c"}, ("a=b=c",)), ("forward_headers", ["a="], ("a=",)),
    ("feedback_path", "/thumbs/", "/thumbs"), ("feedback_path", None, None),
    ("content", False, False), ("content", 0, False), ("content", len, len),
    ("content_off", ["/a/*", "*", "user:x*", "header:dnt", "header:x-a=1"],
     ("/a/*", "*", "user:x*", "header:dnt", "header:x-a=1")),
    ("redact", None, None), ("redact", "all", "all"), ("redact", ["email", PATTERN, len], ("email", PATTERN, len)),
    ("redact", PATTERN, (PATTERN,)), ("redact", len, (len,)), ("redact", {"ip"}, ("ip",)), ("redact", (), ()),
    ("instrument", "installed", ("installed",)), ("instrument", ["httpx"], ("httpx",)),
    ("propagate", ["API.example.com", "*.x:80", "[::1]:8"], ("API.example.com", "*.x:80", "[::1]:8")),
    ("retention_days", None, None), ("log_level", "debug", "DEBUG"), ("sample", 0, 0.0), ("outcome", len, len),
    ("store", "postgres://u:p@h/d", "postgres://u:p@h/d"), ("prices", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "kept"), KEPT)
def test_an_option_takes_one_thing_or_several_and_keeps_them_in_one_form(name, given, kept):
    assert getattr(made(**{name: given}), name) == kept


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:t0p-s3cret@db:5432/x?sslpassword=t0p-s3cret", "postgresql://me@db:5432/x"),
        ("postgresql://me:p@ss@db/x", "postgresql://me@db/x"),
        ("postgresql://db/x", "postgresql://db/x"),
        ("postgresql://me:pw@h:1/db?sslmode=require", "postgresql://me@h:1/db"),
        ("postgres://h1,h2/db?password=pw", "postgres://h1,h2/db"),
        ("postgresql:///db?host=/tmp", "postgresql:///db"),
        ("postgresql://u:p?w@h/db", "postgresql://u@h/db"),
        ("sqlite:///a?b@c.db", "sqlite:///a?b@c.db"),
        ("sqlite:///a@b.db?x", "sqlite:///a@b.db?x"),
        ("memory:", "memory:"),
        ("t0p", "t0p"),
    ],
)
def test_of_the_url_of_a_store_no_secret_is_shown(url, shown):
    assert shown_url(url) == shown


def made(**options):
    """Return settings that no variable of this machine touches."""
    return Settings.of(options, environ={})


def test_every_option_has_the_default_it_was_promised_with():
    settings = made(store=DEFAULT_STORE)
    assert {name: getattr(settings, name) for name in option_names()} == DEFAULTS


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - {"enabled"}))
def test_naming_an_option_with_its_default_changes_nothing(name):
    value = DEFAULTS[name]
    given = list(value) if isinstance(value, tuple) else value
    assert getattr(made(**{name: given}), name) == value


@pytest.mark.parametrize(("wrong", "meant"), [("session_header", "session_headers"), ("mont", "mount")])
def test_an_unknown_keyword_names_the_nearest_option(wrong, meant):
    with pytest.raises(SettingsError, match=f"{wrong} is not an option .* did you mean {meant}"):
        made(**{wrong: "x"})


@pytest.mark.parametrize("name", ["qqq", "warnings", "store_named"])
def test_what_is_no_option_is_refused_even_if_it_is_a_field(name):
    with pytest.raises(SettingsError, match=f"{name} is not an option"):
        made(**{name: ()})


def test_a_settings_error_is_caught_as_what_python_raises_for_wrong_arguments():
    for kind in (TypeError, ValueError, ConvoTraceError):
        with pytest.raises(kind):
            made(nothing=1)


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_one_sentence_with_the_option_in_it(name, value):
    with pytest.raises(SettingsError) as raised:
        made(**{name: value})
    said = str(raised.value)
    assert said.startswith(name) and said.endswith(".") and "\n" not in said
    assert "t0p-s3cret" not in said


@pytest.mark.parametrize(("variable", "text", "name", "value"), ENVIRONMENT)
def test_the_environment_sets_an_option(variable, text, name, value):
    settings = Settings.of({}, environ={f"CONVOTRACE_{variable}": text})
    assert (getattr(settings, name), settings.warnings) == (value, ())


@pytest.mark.parametrize(("variable", "text"), WRONG_ENVIRONMENT)
def test_a_wrong_variable_is_a_warning_and_the_default(variable, text):
    settings = Settings.of({}, environ={f"CONVOTRACE_{variable}": text})
    (warning,) = settings.warnings
    assert warning.startswith(f"CONVOTRACE_{variable}: ") and "default" in warning
    assert getattr(settings, variable.lower()) == DEFAULTS[variable.lower()] or variable == "ENABLED"


def test_a_password_in_a_wrong_variable_is_not_in_the_warning():
    settings = Settings.of({}, environ={"CONVOTRACE_STORE": "mysql://me:t0p-s3cret@db/x"})
    assert len(settings.warnings) == 1 and "t0p-s3cret" not in settings.warnings[0]


def test_a_keyword_wins_over_the_environment():
    assert Settings.of({"mount": "/a"}, environ={"CONVOTRACE_MOUNT": "/b"}).mount == "/a"


@pytest.mark.parametrize("value", [1, True])
def test_a_number_that_equals_a_choice_becomes_the_choice(value):
    assert made(capture_logs=value).capture_logs is True
    assert made(capture_logs=0).capture_logs is False


def test_under_pytest_nothing_is_recorded_unless_the_store_was_named():
    assert not made().enabled
    assert not made(enabled=True).enabled
    assert made(store="memory:").enabled
    assert Settings.of({}, environ={"CONVOTRACE_STORE": "memory:"}).enabled
    assert not Settings.of({}, environ={"CONVOTRACE_STORE": "nowhere"}).enabled
    assert not made(store="memory:", enabled=False).enabled


def test_outside_pytest_recording_is_on(monkeypatch):
    monkeypatch.delenv("PYTEST_VERSION")
    assert made().enabled


def test_development_is_declared_by_the_framework_and_never_taken_back():
    settings = made()
    assert settings.with_dev(True).dev and not settings.with_dev(False).dev
    assert made(dev=True).with_dev(False).dev


@pytest.mark.parametrize(
    ("options", "environment"),
    [({}, None), ({"dev": True}, "development"), ({"dev": True, "environment": "staging"}, "staging")],
)
def test_the_environment_is_development_only_where_that_is_declared(options, environment):
    assert made(**options).effective_environment == environment


def test_settings_cannot_be_changed_behind_the_back_of_their_rooms():
    with pytest.raises(dataclasses.FrozenInstanceError):
        made().mount = "/x"
