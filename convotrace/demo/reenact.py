"""Re-enacts a recorded turn inside the running app: the same steps, told by verbs or by log lines alone.

The app around it is real: the request, its body, its answer and its session id are seen by the middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import structlog

import convotrace as ct
from convotrace.demo import messages as say
from convotrace.demo.memory import Memory
from convotrace.demo.messages import Message
from convotrace.demo.steps import Step, fields_of, remember
from convotrace.hooks.structlog import CaptureProcessor


class Reenactor:
    """Plays recorded turns; the conversation so far is what a generation reads."""

    def __init__(self) -> None:
        self._memory = Memory()

    def play(self, data: Mapping[str, Any]) -> str | None:
        """Re-enact one turn and return what the assistant answered, None where it did not.

        Args:
            data: `session_id`, `message`, optional `user_id`, `script` (`index`, `steps`, `assistant`, `feedback`,
                and where known `system`, `about`, `outcome`) and `via` ("verbs" or "logs").
        """
        script = data["script"]
        messages = self._conversation(data["session_id"], data.get("message"), script)
        _about(data, script)
        tell = _log_step if data.get("via") == "logs" else _trace_step
        for step in script["steps"]:
            tell(step, fields_of(step, messages))
            remember(step, messages)
        _rate(script.get("feedback") or ())
        _close(script.get("outcome"))
        self._memory.keep(data["session_id"], _with_answer(messages, script.get("assistant")))
        return _answered(data, script)

    def _conversation(self, session_id: str, message: str | None, script: Mapping[str, Any]) -> list[Message]:
        """Return the messages up to this turn's, from the beginning when the first turn is played."""
        messages = self._memory.recall(session_id) if script.get("index") else []
        if not messages and script.get("system"):
            messages = [say.text("system", script["system"])]
        if message is not None:
            messages.append(say.text("user", message))
        return messages


def _trace_step(step: Step, fields: dict[str, Any]) -> None:
    _BY_VERB[step["kind"]](step["name"], fields)


def _generation(name: str, fields: dict[str, Any]) -> None:
    with ct.generation(name, model=fields.pop("model", None), input=fields.pop("input")) as span:
        span.set_output(fields.pop("output"))
        span.set_usage(**fields.pop("usage", {}), cost=fields.pop("cost", None))
        _finish(span, fields)


def _tool(name: str, fields: dict[str, Any]) -> None:
    with ct.tool(name, arguments=fields.pop("arguments"), call_id=fields.pop("call_id", None)) as span:
        span.set_result(fields.pop("result"))
        _finish(span, fields)


def _retrieval(name: str, fields: dict[str, Any]) -> None:
    with ct.retrieval(name, query=fields.pop("query")) as span:
        span.set_documents(fields.pop("documents"))
        _finish(span, fields)


def _finish(span: Any, fields: dict[str, Any]) -> None:
    if "error" in fields:
        span.error(fields.pop("error"))
    span.set(**fields)


_BY_VERB: Mapping[str, Callable[[str, dict[str, Any]], None]] = {
    "generation": _generation,
    "tool": _tool,
    "retrieval": _retrieval,
}


def _log_step(step: Step, fields: dict[str, Any]) -> None:
    _logger().info("step", span_kind=step["kind"], name=step["name"], **fields)


@cache
def _logger() -> Any:
    # A line holds the whole conversation so far: it is captured and not printed.
    return structlog.wrap_logger(None, processors=[CaptureProcessor(ids=False), _print_nothing])


def _print_nothing(logger: Any, method_name: str, event_dict: Any) -> Any:
    raise structlog.DropEvent


def _about(data: Mapping[str, Any], script: Mapping[str, Any]) -> None:
    if data.get("user_id"):
        ct.user(data["user_id"])
    if script.get("about"):
        ct.metadata(on="session", **script["about"])


def _rate(feedback: Any) -> None:
    """Post ratings: the thumbs are the customer's own, everything else an annotator's."""
    for given in feedback:
        source = "end_user" if given["name"] == "thumbs" else "annotator"
        ct.score(given["name"], given["value"], source=source, author=given.get("by"))


def _close(outcome: Mapping[str, Any] | None) -> None:
    """Tell how the conversation ended, on its last turn, as far as that was recorded."""
    if outcome is None:
        return
    for name, value in (outcome.get("scores") or {}).items():
        ct.score(name, value, on="session", source="evaluator")
    escalated, success = outcome.get("escalated"), outcome.get("success")
    if escalated:
        ct.event("escalation", on="session")
    ended = "escalated" if escalated else _ENDED.get(success)
    if ended is not None or success is not None:
        ct.end_session(outcome=ended, resolved=success)


_ENDED = {True: "completed", False: "failed", None: None}


def _with_answer(messages: list[Message], assistant: str | None) -> list[Message]:
    spoken = messages and messages[-1]["role"] == "assistant" and say.content_of(messages[-1]) == assistant
    return messages if assistant is None or spoken else [*messages, say.answer(assistant, [])]


def _answered(data: Mapping[str, Any], script: Mapping[str, Any]) -> str | None:
    """Return the recorded answer; the texts of a request too large to be captured whole are told by verbs."""
    if script.get("oversized"):
        ct.set_input(data.get("message"))
        ct.set_output(script.get("assistant"))
    answer: str | None = script.get("assistant")
    return answer
