"""Turning on the instrumentations of model clients and the like that are installed. No client is wrapped here.

Each name stands for a client, and for the packages that instrument it, the best kept first; what such a package holds
it says itself, by its entry points.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from convotrace.errors import SettingsError
from convotrace.quick import record
from convotrace.settings import Settings

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

INSTALLED = "installed"
_ELSEWHERE = frozenset({"threading"})
_GROUPS = ("opentelemetry_instrumentor", "openinference_instrumentor")
_OTEL, _GENAI, _INFERENCE = (
    "opentelemetry-instrumentation-", "opentelemetry-instrumentation-genai-", "openinference-instrumentation-",
)  # fmt: skip
_PYDANTIC_AI = "pydantic_ai"
# What the clients and their instrumentations read before they record texts; the user's own value wins.
_CONTENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
}


@record(frozen=True, slots=True)
class Client:
    """A library that can be instrumented.

    Attributes:
        module: What is imported to use it.
        packages: What instruments it, as pip names it; the first that is installed is taken.
        own: A module of the client's that tells that it makes spans by itself.
        switch: What has to be called for that, with whether texts may be recorded; None where nothing has.
    """

    module: str
    packages: tuple[str, ...] = ()
    own: str | None = None
    switch: Callable[[bool], None] | None = None


def _switch_pydantic_ai(content: bool) -> None:
    agent = import_module(_PYDANTIC_AI).Agent
    settings = import_module(_PYDANTIC_AI + ".models.instrumented").InstrumentationSettings
    if not getattr(agent, "_instrument_default", False):
        agent.instrument_all(settings(include_content=content))


CLIENTS: dict[str, Client] = {
    "openai": Client("openai", (_GENAI + "openai", _INFERENCE + "openai")),
    "anthropic": Client("anthropic", (_GENAI + "anthropic", _INFERENCE + "anthropic"), own="anthropic._tracing"),
    "langchain": Client("langchain_core", (_INFERENCE + "langchain", _GENAI + "langchain")),
    "pydantic-ai": Client(_PYDANTIC_AI, own=_PYDANTIC_AI + ".models.instrumented", switch=_switch_pydantic_ai),
    "google-genai": Client("google.genai", (_OTEL + "google-genai", _INFERENCE + "google-genai")),
    "bedrock": Client("botocore", (_GENAI + "bedrock", _INFERENCE + "bedrock", _OTEL + "botocore")),
    "mistral": Client("mistralai", (_INFERENCE + "mistralai",)),
    "cohere": Client("cohere", (_INFERENCE + "cohere",)),
    "groq": Client("groq", (_INFERENCE + "groq",)),
    "litellm": Client("litellm", (_INFERENCE + "litellm",)),
    "llama-index": Client("llama_index.core", (_GENAI + "llama-index", _INFERENCE + "llama-index")),
    "crewai": Client("crewai", (_INFERENCE + "crewai",)),
    "mcp": Client("mcp", (_INFERENCE + "mcp",)),
    "openai-agents": Client("agents", (_GENAI + "openai-agents", _INFERENCE + "openai-agents")),
    "google-adk": Client("google.adk", (_INFERENCE + "google-adk",)),
    "dspy": Client("dspy", (_GENAI + "dspy", _INFERENCE + "dspy")),
    "haystack": Client("haystack", (_INFERENCE + "haystack",)),
    "smolagents": Client("smolagents", (_INFERENCE + "smolagents", _GENAI + "smolagents")),
    "ollama": Client("ollama", (_INFERENCE + "ollama",)),
    "vertexai": Client("vertexai", (_INFERENCE + "vertexai",)),
    "httpx": Client("httpx", (_OTEL + "httpx",)),
    "requests": Client("requests", (_OTEL + "requests",)),
    "aiohttp-client": Client("aiohttp", (_OTEL + "aiohttp-client",)),
    "urllib3": Client("urllib3", (_OTEL + "urllib3",)),
}
_ALIASES = {"mistralai": "mistral", "botocore": "bedrock", "aiohttp": "aiohttp-client", "llamaindex": "llama-index",
            "langchain-core": "langchain", "gemini": "google-genai"}  # fmt: skip
_QUIET = frozenset({"httpx", "requests", "aiohttp-client", "urllib3"})
"""Clients that are no news where nothing instruments them."""
_done: set[str] = set()
on: set[str] = set()
"""Clients that make spans now, because this was asked for."""
refused: dict[str, str] = {}
"""Clients whose instrumentation could not be turned on, and why."""


def check(settings: Settings) -> None:
    """See that each client that was named can be instrumented.

    Raises:
        SettingsError: A name is unknown, or what instruments it is not installed; the sentence says what to type.
    """
    for name in _named(settings):
        client = _client(name)
        if not _is_there(client.own) and _installed(client) is None:
            package = client.packages[0] if client.packages else client.module.replace("_", "-")
            raise SettingsError(f"instrument has {name!r}, and nothing installed does that; pip install {package}")


def install(settings: Settings) -> None:
    """Turn on what was asked for; each once in a process, and none that is on already."""
    if settings.content and settings.instrument:
        for variable, value in _CONTENT.items():
            os.environ.setdefault(variable, value)
    for name in _wanted(settings):
        if name not in _done:
            _done.add(name)
            try:
                if _turn_on(CLIENTS[name], bool(settings.content)):
                    on.add(name)
            except Exception as error:  # one that cannot be turned on leaves the others as they are
                refused[name] = " ".join(str(error).split()) or type(error).__name__


def needs_spans(settings: Settings) -> bool:
    """Tell whether spans of others are wanted though nobody has configured a provider: by word, or by what is on."""
    return settings.opentelemetry == "global" or bool(settings.instrument and on)


def missing(settings: Settings) -> list[str]:
    """Return the pip names of what would instrument clients that are here, where all of them were asked for."""
    if INSTALLED not in settings.instrument:
        return []
    here = (client for name, client in CLIENTS.items() if name not in _QUIET and _is_there(client.module))
    bare = (client for client in here if not _is_there(client.own) and _installed(client) is None)
    return [client.packages[0] for client in bare if client.packages]


def _wanted(settings: Settings) -> Iterator[str]:
    yield from _named(settings)
    if INSTALLED in settings.instrument:
        yield from (name for name, client in CLIENTS.items() if _is_there(client.module))


def _named(settings: Settings) -> list[str]:
    words = (word.strip().lower().replace("_", "-") for word in settings.instrument)
    return [_ALIASES.get(word, word) for word in words if word != INSTALLED and word not in _ELSEWHERE]


def _client(name: str) -> Client:
    if name in CLIENTS:
        return CLIENTS[name]
    import difflib

    near = difflib.get_close_matches(name, CLIENTS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f'use "installed" or some of {", ".join(CLIENTS)}.'
    raise SettingsError(f"instrument has {name!r}, which is not known; {hint}")


def _turn_on(client: Client, content: bool) -> bool:
    """Have a client make spans; return whether it does."""
    if _is_there(client.own):
        # Its own spans know more than those that are made around it, and both would tell each call twice.
        if client.switch is not None:
            client.switch(content)
        return True
    if any(_is_on(point) for package in client.packages for point in _points(package, loaded=True)):
        return True
    conflict: Exception | None = None
    for package in client.packages:
        points = list(_points(package))
        try:
            for point in points:
                _instrument(point.load())
        except Exception as error:  # made for another version of the client: perhaps the next one fits
            conflict = error
        else:
            if points:
                return True
    if conflict is not None:
        raise conflict
    return False


def _instrument(kind: Any) -> None:
    made = kind()
    # Without this a version that does not fit is an ERROR line in the app's log.
    made.instrument(raise_exception_on_conflict=True)


def _is_on(point: EntryPoint) -> bool:
    return bool(getattr(point.load()(), "is_instrumented_by_opentelemetry", False))


def _points(package: str, loaded: bool = False) -> Iterable[EntryPoint]:
    """Yield what a package offers, of several only what instruments something that is here.

    Args:
        package: Its pip name.
        loaded: Only where it is imported already.
    """
    from importlib.metadata import PackageNotFoundError, distribution  # slow to load, and seldom asked

    try:
        found = {p.value: p for p in distribution(package).entry_points if p.group in _GROUPS}
    except PackageNotFoundError:
        return
    for point in found.values():
        if (len(found) == 1 or _is_there(point.name)) and (not loaded or point.module in sys.modules):
            yield point


def _installed(client: Client) -> str | None:
    return next((package for package in client.packages if any(_points(package))), None)


def _is_there(module: str | None) -> bool:
    try:
        return module is not None and find_spec(module) is not None
    except (ImportError, ValueError):  # its parent is missing
        return False
