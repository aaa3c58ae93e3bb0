"""The many ways to write one model: with a date, a region, a vendor or a gateway in front; and who serves it.

A name never shrinks into another family: only dates, versions and words such as `latest` are taken off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_LONGEST = 300
_PARTS = 4
_STEPS = 4
_DECIMAL_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_VERSION = re.compile(
    r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{2}-\d{2}|\d{8}|\d{6}|\d{3,4}|v\d+|latest|preview|default|beta)|:(?:\d+|beta|thinking))$"
)
_REGION = re.compile(r"^(?:us-gov|us|eu|apac|jp|au|ca|sa|in|me|af)\.(?=[a-z0-9]+\.)")
_VENDOR = re.compile(r"^(?:global\.)?(?:anthropic|amazon|cohere|mistral|openai|google|xai|moonshotai)\.(?=[a-z])")
_FINE_TUNED = re.compile(r"^(ft:[^:]+):.*$")

_MAKERS = ("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "xai", "voyage", "moonshot")
_ANY = ((*_MAKERS, "bedrock", "groq", "together"),)
# Who sells a closed model sells it at its maker's price; an open one has a price of its own everywhere.
_CLOSED = (("openai", "anthropic", "google", "cohere", "xai", "voyage"),)
_OPENAI = (("openai",), *_ANY)
_GOOGLE = (("google",), ("anthropic",))
_BEDROCK = (("bedrock",), ("anthropic",))
_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    # Many services speak OpenAI's protocol, so its client's word for the provider is only a hint.
    "openai": _OPENAI,
    **dict.fromkeys(("azure", "azureopenai", "azureai", "azureaiopenai", "azopenai", "azaiopenai"), (("openai",),)),
    **dict.fromkeys(("anthropic", "claude"), (("anthropic",),)),
    **dict.fromkeys(("bedrock", "awsbedrock", "amazonbedrock", "bedrockconverse", "aws", "amazon"), _BEDROCK),
    **dict.fromkeys(("google", "gemini", "googlegenai", "googlegla", "gcpgemini", "gcpgenai"), _GOOGLE),
    **dict.fromkeys(("vertex", "vertexai", "gcpvertexai", "googlevertex", "googlevertexai", "gcp"), _GOOGLE),
    **dict.fromkeys(("mistral", "mistralai"), (("mistral",),)),
    "cohere": (("cohere",),),
    "deepseek": (("deepseek",),),
    "xai": (("xai",),),
    "groq": (("groq",),),
    **dict.fromkeys(("together", "togetherai"), (("together",),)),
    **dict.fromkeys(("voyage", "voyageai"), (("voyage",),)),
    **dict.fromkeys(("moonshot", "moonshotai"), (("moonshot",),)),
    **dict.fromkeys(("litellm", "litellmproxy", "openrouter", "gateway", "langchain", "portkey", "vercel"), _ANY),
}
_LOCAL = frozenset({
    "ollama", "vllm", "hostedvllm", "llamacpp", "lmstudio", "localai", "gpt4all", "mlx", "sglang", "tgi", "xinference",
    "transformers", "huggingface", "llamafile", "local",
})  # fmt: skip


def canonical(name: str) -> str:
    """Return a model name or pattern in lower case, with `3.5` and `3-5` written alike."""
    return _DECIMAL_POINT.sub("-", name.strip().lower()[:_LONGEST])


def names_of(model: str) -> tuple[str, ...]:
    """Return every name under which a model may stand in the table, the most exact first; none for a free offer."""
    text = _FINE_TUNED.sub(r"\1", canonical(model))
    if text.endswith(":free"):
        return ()
    parts = text.split("/")
    tails = ["/".join(parts[start:]) for start in range(max(0, len(parts) - _PARTS), len(parts))]
    return tuple(dict.fromkeys(name for tail in (text, *tails) for form in _forms(tail) for name in _shorter(form)))


def _forms(name: str) -> Iterator[str]:
    yield name
    name = _REGION.sub("", name)
    yield name
    yield _VENDOR.sub("", name)


def _shorter(name: str) -> Iterator[str]:
    """Yield a name, then without its version, its date and so on."""
    for _ in range(_STEPS):
        yield name
        shorter = _VERSION.sub("", name)
        if shorter == name:
            return
        name = shorter


def places_of(provider: str | None, model: str) -> tuple[tuple[str, ...], ...]:
    """Return whose price lists to ask: group after group, all of one group together."""
    named = _known(provider)
    if named is not None and _PLACES[named] is not _ANY:
        return _PLACES[named]
    before = model.partition("/")[0] if "/" in model else None
    leading = _known(before)
    if leading is not None:
        return _PLACES[leading]
    return _ANY if named or not provider else _CLOSED


def is_local(provider: str | None, model: str) -> bool:
    """Tell whether a model runs on the user's own machines, where no list has its price."""
    return any(_squashed(name) in _LOCAL for name in (provider or "", model.partition("/")[0]) if name)


def _known(provider: str | None) -> str | None:
    """Return the name in our table of what a library calls a provider, such as `openai.responses`."""
    text = provider or ""
    while text:
        if _squashed(text) in _PLACES:
            return _squashed(text)
        text = text.rpartition(".")[0]
    return None


def _squashed(name: str) -> str:
    return re.sub(r"[-_. ]", "", name[:_LONGEST].lower())
