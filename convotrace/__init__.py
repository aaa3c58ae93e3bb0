"""See every conversation your web app holds, inside that app, at `/_sessions`.

This is the face: names only. Importing it loads no web framework, opens no file and starts no thread.
"""

from typing import TYPE_CHECKING, Any

from convotrace import formats
from convotrace.capture import (
    advice,
    attach,
    bind,
    carrier,
    continue_turn,
    current_session,
    current_span,
    current_trace,
    end_session,
    event,
    feedback,
    feedback_token,
    generation,
    link_session,
    metadata,
    no_content,
    observe,
    on_turn,
    retrieval,
    score,
    set_input,
    set_output,
    skip,
    span,
    tag,
    tool,
    user,
)
from convotrace.errors import ConvoTraceError, SettingsError, StoreError
from convotrace.observer import ConvoTrace

if TYPE_CHECKING:
    from convotrace import asgi, wsgi
    from convotrace.insight import checks
    from convotrace.insight.budgets import budget
    from convotrace.insight.definitions import score_definition
    from convotrace.insight.evaluation import evaluator
    from convotrace.insight.rules import alert
    from convotrace.insight.session_rules import session_alert
    from convotrace.jobs.otlp_client import Forward
    from convotrace.jobs.webhooks import Webhook
    from convotrace.store import Store

__version__ = "0.0.1"
_INSIDE = {
    "Forward": "convotrace.jobs.otlp_client", "Store": "convotrace.store", "Webhook": "convotrace.jobs.webhooks",
    "alert": "convotrace.insight.rules",
    "budget": "convotrace.insight.budgets", "evaluator": "convotrace.insight.evaluation",
    "session_alert": "convotrace.insight.session_rules", "score_definition": "convotrace.insight.definitions",
}  # fmt: skip
_LATE = {"asgi": "convotrace.asgi", "wsgi": "convotrace.wsgi", "checks": "convotrace.insight.checks"}


def _document() -> formats.Maker:
    from convotrace.page.document import as_html

    return as_html


formats.name("html", _document)


def __getattr__(name: str) -> Any:
    # The store brings Peewee and the doors are needed one at a time: each is loaded when first named.
    import importlib

    if name in _INSIDE:
        return getattr(importlib.import_module(_INSIDE[name]), name)
    if name in _LATE:
        return importlib.import_module(_LATE[name])
    raise AttributeError(f"module 'convotrace' has no attribute {name!r}")


__all__ = [
    "ConvoTrace",
    "ConvoTraceError",
    "Forward",
    "SettingsError",
    "Store",
    "StoreError",
    "Webhook",
    "advice",
    "alert",
    "asgi",
    "attach",
    "bind",
    "budget",
    "carrier",
    "checks",
    "continue_turn",
    "current_session",
    "current_span",
    "current_trace",
    "end_session",
    "evaluator",
    "event",
    "feedback",
    "feedback_token",
    "generation",
    "link_session",
    "metadata",
    "no_content",
    "observe",
    "on_turn",
    "retrieval",
    "score",
    "score_definition",
    "session_alert",
    "set_input",
    "set_output",
    "skip",
    "span",
    "tag",
    "tool",
    "user",
    "wsgi",
]
