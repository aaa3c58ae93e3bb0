"""maxim-py: a trace a request and its five steps, as its documentation logs them; to the loopback sink."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

from maxim import Maxim

from tests.benchmarks.subjects import Place, Subject, work


def maxim(place: Place) -> Subject:
    """Return the app logged by maxim-py."""
    logger = Maxim({"api_key": "bench", "base_url": place.sink, "raise_exceptions": True}).logger({"id": "bench"})
    return Subject(Steps(logger), flush=lambda: sent(logger.writer), packages=("maxim-py",))


def sent(writer: Any) -> None:
    """Send what is queued, and wait for the batches that its threads have in hand."""
    writer.flush(True)
    while writer._LogWriter__in_flight:
        time.sleep(0.001)


def tags(attributes: dict[str, Any]) -> dict[str, str]:
    """Return attributes as this SDK takes them: texts."""
    return {name: str(value) for name, value in attributes.items()}


class Steps:
    """Logs requests."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def __call__(self, number: int, session: str, message: str) -> None:
        trace = self._logger.trace({"id": uuid4().hex, "name": "POST /chat", "session_id": session, "input": message})
        plan = trace.span({"id": uuid4().hex, "name": "plan", "tags": tags(work.PLAN)})
        found = plan.retrieval({"id": uuid4().hex, "name": "articles", "tags": tags(work.SEARCH)})
        found.input(message)
        found.output([work.DOCUMENT])
        self._chat(plan, number)
        arguments = json.dumps({"order": number})
        tool = plan.tool_call(
            {"id": uuid4().hex, "name": "lookup", "description": "", "args": arguments, "tags": tags(work.TOOL)}
        )
        tool.result('{"state": "sent"}')
        plan.span({"id": uuid4().hex, "name": "format", "tags": tags(work.FORMAT)}).end()
        plan.end()
        trace.set_output(f"You said: {message}")
        trace.end()

    def _chat(self, plan: Any, number: int) -> None:
        id = uuid4().hex
        call = plan.generation({
            "id": id, "name": "chat", "provider": "openai", "model": "gpt-4o", "model_parameters": work.CHAT,
            "messages": [{"role": "user", "content": work.prompt(number)}],
        })  # fmt: skip
        answer = {"role": "assistant", "content": work.completion(number)}
        call.result({
            "id": id, "object": "chat.completion", "created": int(time.time()), "model": "gpt-4o",
            "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 512, "completion_tokens": 256, "total_tokens": 768},
        })  # fmt: skip
