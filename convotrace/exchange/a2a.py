"""The Agent2Agent protocol: messages to an agent and its answers, in JSON-RPC. Other talk in JSON-RPC is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from convotrace.exchange.answer import Answer, Part, mapping, mappings, text_of
from convotrace.model import Json

# Version 1.0 of the protocol, then the ones before it.
METHODS = frozenset({
    "SendMessage", "SendStreamingMessage", "message/send", "message/stream", "tasks/send", "tasks/sendSubscribe",
})  # fmt: skip
_KINDS = frozenset({"message", "task", "status-update", "artifact-update"})
_NAMES = frozenset({"message", "task", "statusUpdate", "artifactUpdate"})
_FAILED = frozenset({"failed", "rejected", "TASK_STATE_FAILED", "TASK_STATE_REJECTED"})


def is_result(event: str, value: Mapping[str, Json]) -> bool:
    """Tell whether this answers a message to an agent."""
    result = mapping(value.get("result"))
    if text_of(result.get("kind")) in _KINDS:
        return True
    named = [name for name in _NAMES if isinstance(result.get(name), dict)]
    return (len(named) == 1 and len(result) == 1) or "state" in mapping(result.get("status"))


def message_of(body: Mapping[str, Json]) -> str | None:
    """Return what was said to an agent, None where this is no message to one."""
    if text_of(body.get("method")) not in METHODS:
        return None
    return _text(mapping(mapping(body.get("params")).get("message")))


def read(parts: Iterable[Part], answer: Answer) -> None:
    """Gather the artifacts of a task; where it has none, the last thing the agent said."""
    artifacts: dict[str, str] = {}
    said: str | None = None
    for part in parts:
        value = mapping(part.value)
        answer.fail(value.get("error"))
        for kind, found in _results(mapping(value.get("result"))):
            if kind == "artifact":
                _artifact(found, artifacts)
                continue
            _status(mapping(found.get("status")), answer)
            for artifact in mappings(found.get("artifacts")):
                _artifact({"artifact": artifact}, artifacts)
            message = found if kind == "message" else mapping(mapping(found.get("status")).get("message"))
            said = (_text(message) if _is_agent(message) else None) or said
    answer.say("\n".join(artifacts.values()) if artifacts else said)


def _results(result: Mapping[str, Json]) -> Iterable[tuple[str, Mapping[str, Json]]]:
    """Yield what a result is, under the words of either version."""
    kind = text_of(result.get("kind"))
    if kind:
        yield kind.removesuffix("-update"), result
        return
    for name in ("message", "task", "statusUpdate", "artifactUpdate"):
        if isinstance(result.get(name), dict):
            yield name.removesuffix("Update"), result[name]
    if "status" in result:
        yield "task", result
    elif "artifact" in result:
        yield "artifact", result


def _artifact(update: Mapping[str, Json], artifacts: dict[str, str]) -> None:
    artifact = mapping(update.get("artifact"))
    key = text_of(artifact.get("artifactId") or artifact.get("name"))
    before = artifacts.get(key, "") if update.get("append") is True else ""
    text = _text(artifact)
    if text is not None:
        artifacts[key] = before + text


def _status(status: Mapping[str, Json], answer: Answer) -> None:
    state = text_of(status.get("state"))
    if state in _FAILED:
        answer.fail(_text(mapping(status.get("message"))) or state)
    elif state not in ("", "submitted", "working", "TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"):
        answer.finish(state)


def _is_agent(message: Mapping[str, Json]) -> bool:
    return message.get("role", "agent") in ("agent", "ROLE_AGENT")


def _text(message: Mapping[str, Json]) -> str | None:
    texts = [part["text"] for part in mappings(message.get("parts")) if isinstance(part.get("text"), str)]
    return "".join(texts) if texts else None
