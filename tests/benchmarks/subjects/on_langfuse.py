"""Langfuse: an observation for the request and one for each of its five steps; to the loopback sink."""

from __future__ import annotations

from typing import Any

from langfuse import Langfuse, propagate_attributes

from tests.benchmarks.subjects import Place, Subject, work


def langfuse(place: Place) -> Subject:
    """Return the app observed by Langfuse."""
    client = Langfuse(public_key="pk-lf-bench", secret_key="sk-lf-bench", base_url=place.sink)
    return Subject(Steps(client), flush=client.flush, packages=("langfuse", "opentelemetry-sdk"))


class Steps:
    """Observes requests."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, number: int, session: str, message: str) -> None:
        observed = self._client.start_as_current_observation
        with observed(name="POST /chat", input=message) as root, propagate_attributes(session_id=session):
            with observed(name="plan", as_type="agent", metadata=work.PLAN):
                with observed(name="articles", as_type="retriever", input=message, metadata=work.SEARCH) as found:
                    found.update(output=[work.DOCUMENT])
                with observed(
                    name="chat", as_type="generation", model="gpt-4o", model_parameters=work.CHAT,
                    input=[{"role": "user", "content": work.prompt(number)}],
                ) as call:  # fmt: skip
                    call.update(output=work.completion(number), usage_details={"input": 512, "output": 256})
                with observed(name="lookup", as_type="tool", input={"order": number}, metadata=work.TOOL) as tool:
                    tool.update(output={"state": "sent"})
                with observed(name="format", metadata=work.FORMAT):
                    pass
            root.update(output=f"You said: {message}")
