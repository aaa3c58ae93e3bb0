"""What is known of an exchange once both of its bodies are read."""

from __future__ import annotations

from collections.abc import Mapping

from convotrace.exchange.answer import ToolCall
from convotrace.exchange.generic import Found
from convotrace.exchange.history import Said
from convotrace.exchange.multipart import Upload
from convotrace.model import Json
from convotrace.quick import record

NOTHING = Found()


@record(frozen=True, slots=True)
class Exchange:
    """Both bodies of an exchange, decoded, and what was said in them.

    `usage` is the object that the vendor sent, key names and all; `dialect` is None where the reply was read by its
    field names or not at all.
    """

    message: Found = NOTHING
    reply: Found = NOTHING
    request_body: Json = None
    response_body: Json = None
    dialect: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Mapping[str, Json] | None = None
    finish_reason: str | None = None
    error: str | None = None
    refusal: str | None = None
    error_type: str | None = None
    """What the vendor calls the error; `StreamError` for one without a name in a reply that began well."""
    model: str | None = None
    """The model that the reply names, else the request, where the dialect is known."""
    history: tuple[Said, ...] = ()
    """The earlier messages that the request sends again, oldest first, without the new one."""
    regenerate: bool = False
    """Whether the request asks for another answer to the same message."""
    uploads: tuple[Upload, ...] = ()
    """The files of the request's form."""
    answer_ids: tuple[str, ...] = ()
    """Where the reply is no answer: under what names another request may fetch it, the most specific first."""
    fetched: Found = NOTHING
    """What reads like an answer in reply to a GET that asked nothing: one, if its id is awaited."""
