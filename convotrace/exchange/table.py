"""Which dialect a reply speaks: one row for each mark by which one is known, and who reads it.

A new dialect is a reader and its rows here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from convotrace.exchange import (
    a2a,
    agents,
    agui,
    aisdk,
    anthropic,
    bedrock,
    bots,
    builders,
    clouds,
    cohere,
    dify,
    google,
    langchain,
    local,
    openai,
    responses,
    runs,
)
from convotrace.exchange.answer import Answer, Part
from convotrace.model import Json

Fits = Callable[[str, Json], bool]
Read = Callable[[Iterable[Part], Answer], None]
# The mark of a dialect stands near the beginning; what has none there is read by its field names.
_LOOK_AT = 100


class Dialect(NamedTuple):
    """One way to know a dialect: a key of the object (or an event's name), whether the value fits, its reader."""

    name: str
    mark: str
    fits: Fits
    read: Read | None


def _always(event: str, value: Json) -> bool:
    return True


KEYS = (
    Dialect("a2a", "jsonrpc", a2a.is_result, a2a.read),
    # JSON-RPC is the talk of tool servers and editors: known, so that nothing of it is taken for an answer.
    Dialect("json-rpc", "jsonrpc", _always, None),
    Dialect("openai-responses", "type", responses.is_event, responses.read),
    Dialect("openai-responses", "object", responses.is_object, responses.read),
    Dialect("openai-chat", "choices", openai.is_chat, openai.read),
    Dialect("openai-completions", "choices", openai.is_completion, openai.read),
    Dialect("openai-assistants", "object", openai.is_thread, openai.read_thread),
    Dialect("openai-assistants", "object", openai.is_thread_list, openai.read_thread_list),
    Dialect("mistral-conversations", "type", agents.is_mistral_event, agents.read_mistral),
    Dialect("mistral-conversations", "object", agents.is_mistral, agents.read_mistral),
    Dialect("anthropic-messages", "type", anthropic.is_message, anthropic.read),
    Dialect("anthropic-complete", "completion", anthropic.is_completion, anthropic.read),
    Dialect("palm", "candidates", clouds.is_palm, clouds.read_prediction),
    Dialect("gemini", "candidates", google.is_gemini, google.read_gemini),
    Dialect("vertex-prediction", "predictions", clouds.is_prediction, clouds.read_prediction),
    Dialect("gemini", "promptFeedback", _always, google.read_gemini),
    Dialect("gemini-interactions", "event_type", google.is_interaction_event, google.read_interaction),
    Dialect("gemini-interactions", "object", google.is_interaction, google.read_interaction),
    Dialect("cohere-v2", "type", cohere.is_event, cohere.read),
    Dialect("cohere-v2", "message", cohere.is_object, cohere.read),
    Dialect("cohere-v1", "event_type", cohere.is_v1, cohere.read),
    Dialect("cohere-v1", "generation_id", cohere.is_v1_object, cohere.read),
    *(Dialect("bedrock-converse", name, bedrock.is_event, bedrock.read_converse) for name in bedrock.CONVERSE_EVENTS),
    Dialect("bedrock-converse", "output", bedrock.is_object, bedrock.read_converse),
    *(Dialect("bedrock-agent", name, bedrock.is_agent, bedrock.read_agent) for name in ("chunk", "trace")),
    Dialect("watsonx", "results", clouds.is_watsonx, clouds.read_watsonx),
    *(Dialect("bedrock-invoke", name, bedrock.is_family, bedrock.read_family) for name in bedrock.FAMILY_FIELDS),
    Dialect("ag-ui", "type", agui.is_event, agui.read),
    Dialect("mastra", "type", runs.is_mastra, runs.read_mastra),
    Dialect("ai-sdk-ui", "type", aisdk.is_ui, aisdk.read_ui),
    Dialect("agno", "event", runs.is_agno, runs.read_agno),
    Dialect("typebot", "messages", runs.is_typebot, runs.read_typebot),
    Dialect("adk", "author", agents.is_adk, agents.read_adk),
    *(Dialect("letta", name, agents.is_letta, agents.read_letta) for name in ("message_type", "messages")),
    Dialect("librechat", "event", builders.is_librechat, builders.read_librechat),
    Dialect("librechat", "responseMessage", builders.is_librechat_end, builders.read_librechat),
    Dialect("langflow", "event", builders.is_langflow, builders.read_langflow),
    Dialect("langflow", "outputs", builders.is_langflow_run, builders.read_langflow),
    Dialect("langserve", "event", langchain.is_stream_event, langchain.read_served),
    Dialect("langserve", "output", langchain.is_invoked, langchain.read_served),
    Dialect("dify", "event", dify.is_event, dify.read),
    Dialect("ollama-chat", "done", local.is_ollama_chat, local.read_ollama),
    Dialect("ollama-generate", "done", local.is_ollama_generate, local.read_ollama),
    Dialect("llamacpp-completion", "stop", local.is_llamacpp, local.read_llamacpp),
    Dialect("tgi-generate", "token", local.is_tgi, local.read_tgi),
    Dialect("tgi-generate", "generated_text", local.is_generated, local.read_tgi),
    Dialect("aleph-alpha", "completions", local.is_aleph, local.read_aleph),
    Dialect("replicate", "urls", clouds.is_replicate, clouds.read_replicate),
    Dialect("dashscope", "output", clouds.is_dashscope, clouds.read_dashscope),
    Dialect("ernie", "is_end", clouds.is_ernie, clouds.read_ernie),
    Dialect("ernie", "object", clouds.is_ernie_whole, clouds.read_ernie),
    *(Dialect("voiceflow", name, builders.is_trace, builders.read_voiceflow) for name in ("payload", "trace", "data")),
    Dialect("botpress", "responses", builders.is_botpress, builders.read_botpress),
    Dialect("copilotkit", "data", builders.is_copilotkit, builders.read_copilotkit),
    Dialect("chatgpt-page", "message", builders.is_page, builders.read_page),
    Dialect("lex", "messages", clouds.is_lex, clouds.read_lines),
    Dialect("watson-assistant", "output", clouds.is_watson, clouds.read_lines),
    *(
        Dialect("dialogflow-cx", name, clouds.is_dialogflow, clouds.read_lines)
        for name in ("queryResult", "fulfillmentResponse", "fulfillment_response")
    ),
    Dialect("rasa-rest", "recipient_id", bots.is_rasa, bots.read_messages),
    Dialect("bot-framework", "activities", bots.is_activities, bots.read_messages),
    Dialect("slack-slash", "response_type", bots.is_slash, bots.read_one),
    Dialect("discord-interaction", "data", bots.is_interaction, bots.read_one),
    Dialect("dialogflow-es", "fulfillmentText", bots.is_fulfillment, bots.read_one),
)
EVENTS = (
    Dialect("langgraph-sse", "messages", langchain.is_messages, langchain.read_graph),
    Dialect("langgraph-sse", "messages/partial", langchain.is_messages, langchain.read_graph),
    Dialect("langgraph-sse", "messages/complete", langchain.is_messages, langchain.read_graph),
    Dialect("langgraph-sse", "values", langchain.is_state, langchain.read_graph),
    Dialect("langgraph-sse", "updates", langchain.is_state, langchain.read_graph),
    *(Dialect("coze", name, agents.is_coze, agents.read_coze) for name in agents.COZE_EVENTS),
    Dialect("langserve", "data", langchain.is_data, langchain.read_served),
    Dialect("gradio-call", "generating", bots.is_gradio, bots.read_gradio),
    Dialect("gradio-call", "complete", bots.is_gradio, bots.read_gradio),
)
AI_SDK_DATA = Dialect("ai-sdk-data-v4", "", _always, aisdk.read_data)
CHAINLIT = Dialect("chainlit-socketio", "", _always, bots.read_chainlit)
TWILIO = Dialect("twilio-sms", "", _always, bots.read_messages)


def _by_mark(rows: Iterable[Dialect]) -> dict[str, list[Dialect]]:
    found: dict[str, list[Dialect]] = {}
    for row in rows:
        found.setdefault(row.mark, []).append(row)
    return found


_BY_KEY, _BY_EVENT = _by_mark(KEYS), _by_mark(EVENTS)
_MARKS = frozenset(_BY_KEY)
_RANK = {row: rank for rank, row in enumerate(KEYS)}


def recognise(parts: Sequence[Part]) -> Dialect | None:
    """Return the dialect of the first part that has the mark of one; None for a dialect that is not known."""
    for part in islice(parts, _LOOK_AT):
        if part.event in _BY_EVENT:
            for row in _BY_EVENT[part.event]:
                if row.fits(part.event, part.value):
                    return row
        if isinstance(part.value, dict) and not _MARKS.isdisjoint(part.value):
            fitting = _fitting(part, part.value)
            if fitting is not None:
                return fitting
    return None


def _fitting(part: Part, value: Mapping[str, Json]) -> Dialect | None:
    rows = [row for key in value if key in _BY_KEY for row in _BY_KEY[key]]
    return next((row for row in sorted(rows, key=_RANK.__getitem__) if row.fits(part.event, value)), None)
