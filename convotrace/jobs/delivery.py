"""Who is told of an alert: the log, the rule's own function, webhooks. A failure is noted and hurts nobody."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from convotrace.identity import session_key
from convotrace.insight.rules import OK, Notice, Rule
from convotrace.insight.session_rules import SessionRule
from convotrace.jobs.webhooks import FIRST_PAUSE, TRIES, NotDelivered, Webhook, post
from convotrace.store.native import new_lock, pause, start_thread

_LOG = logging.getLogger("convotrace.alerts")
_WAITING_AT_MOST = 100
_SEVERITY = {"alert": "critical", "again": "critical", "no_data": "warning", "warn": "warning", "recovered": "info"}


class Delivery:
    """Tells of notices, in a thread for each address, so that a slow one keeps neither a rule nor another waiting.

    Args:
        hooks: Addresses, or webhooks.
        page_url: Where the app can be reached, for links; None leaves them out.
        mount: Where the page is in it.
        sleep: Waits so many seconds; another one for tests.
    """

    def __init__(
        self, hooks: Sequence[str | Webhook], page_url: str | None, mount: str, sleep: Callable[[float], None] = pause
    ) -> None:
        self._lines = [_Line(Webhook(hook) if isinstance(hook, str) else hook, sleep) for hook in hooks]
        self._root = None if page_url is None else page_url.rstrip("/") + mount

    def tell(self, rule: Rule | SessionRule, notice: Notice) -> None:
        """Log a notice, call the rule's function and queue it for every webhook."""
        level = logging.INFO if notice.kind == "recovered" else logging.WARNING
        _LOG.log(level, "alert %s: %s, %s", notice.rule, notice.kind, notice.reason, extra={"alert": _facts(notice)})
        if rule.notify is not None:
            _in_thread(rule.notify, notice)
        for line in self._lines:
            line.put(json.dumps(body_of(line.hook, notice, self._root)).encode(), notice.rule)


class _Line:
    """What waits for one address: a slow one keeps no other waiting."""

    def __init__(self, hook: Webhook, sleep: Callable[[float], None]) -> None:
        self.hook = hook
        self._sleep = sleep
        self._lock = new_lock()
        self._waiting: list[tuple[bytes, str]] = []
        self._runs = False

    def put(self, body: bytes, rule: str) -> None:
        """Queue a body; where too much waits it is dropped, and said."""
        with self._lock:
            if len(self._waiting) >= _WAITING_AT_MOST:
                _LOG.warning("a notice of %s was dropped: %d wait for their webhook", rule, len(self._waiting))
                return
            self._waiting.append((body, rule))
            starts, self._runs = not self._runs, True
        if starts:
            start_thread(self._run, "convotrace-webhooks")

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._runs = False
                    return
                body, rule = self._waiting.pop(0)
            self._send(body, rule)

    def _send(self, body: bytes, rule: str) -> None:
        for number in range(TRIES):
            try:
                return post(self.hook, body)
            except NotDelivered as error:
                if not error.again or number == TRIES - 1:
                    _LOG.warning("a notice of %s was not delivered: %s", rule, error)
                    return None
            except Exception as error:  # whatever a library makes of a strange address
                _LOG.warning("a notice of %s was not delivered: %s", rule, type(error).__name__)
                return None
            self._sleep(FIRST_PAUSE * 4**number)


def body_of(hook: Webhook, notice: Notice, root: str | None) -> dict[str, Any]:
    """Return a notice in the form that the receiver of a webhook knows."""
    links = [f"{root}/s/{quote(session_key(id), safe='~')}" for id in notice.sessions[:5]] if root else []
    if hook.kind == "slack":
        return {"text": "\n".join([f"*{_escaped(notice.rule)}* {notice.kind}: {_escaped(notice.reason)}", *links])}
    if hook.kind == "pagerduty":
        return _pagerduty(hook, notice, links)
    return {**_facts(notice), "links": links}


def _pagerduty(hook: Webhook, notice: Notice, links: list[str]) -> dict[str, Any]:
    """Return an event; source: https://developer.pagerduty.com/docs/events-api-v2-overview."""
    return {
        "routing_key": hook.routing_key,
        "event_action": "resolve" if notice.kind == "recovered" else "trigger",
        "dedup_key": f"convotrace-{notice.incident}",
        "payload": {
            "summary": f"{notice.rule}: {notice.reason}"[:1024],
            "source": "convotrace",
            "severity": _SEVERITY.get(notice.kind, "warning"),
            "custom_details": _facts(notice),
        },
        "links": [{"href": link, "text": "Session"} for link in links],
    }


def _escaped(text: str) -> str:
    # What people wrote must call nobody: Slack reads <!channel> as a call to all.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _facts(notice: Notice) -> dict[str, Any]:
    return {
        "rule": notice.rule, "kind": notice.kind, "at_ns": str(notice.at_ns), "value": notice.value,
        "threshold": notice.threshold, "reason": notice.reason, "incident": notice.incident,
        "sessions": list(notice.sessions), "state": OK if notice.kind == "recovered" else notice.kind,
    }  # fmt: skip


def _in_thread(notify: Callable[[Notice], Any], notice: Notice) -> None:
    def run() -> None:
        try:
            notify(notice)
        except BaseException as error:  # a function of others may raise anything
            _LOG.warning("the function of alert %s raised %s", notice.rule, type(error).__name__)

    start_thread(run, "convotrace-notify")
