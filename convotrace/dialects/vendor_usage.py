"""Token counts as vendors write them in replies → one record. Names that libraries put on spans are read elsewhere.

What counts as input differs: Anthropic and Bedrock leave cached tokens out of it, Gemini leaves the thoughts out of the
output. The record's input includes cached reads and writes, its output includes reasoning; what is unknown is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from convotrace.model import Json, Usage

# Without underscores, in lower case: the same word is spelled in three ways.
_INPUT = (
    "prompttokens", "inputtokens", "prompttokencount", "inputtokencount", "totalinputtokens", "promptevalcount",
    "tokensevaluated", "numtokensprompttotal", "inputlength", "prefilltokens", "inputcount", "input",
)  # fmt: skip
_OUTPUT = (
    "completiontokens", "outputtokens", "candidatestokencount", "responsetokencount", "outputtokencount",
    "totaloutputtokens", "evalcount", "tokenspredicted", "numtokensgenerated", "generatedtokens",
    "generatedtokencount", "outputcount", "output",
)  # fmt: skip
_READ = (
    "cachedtokens", "cachereadinputtokens", "cachereadinputtokencount", "cachereadtokens", "cachedinputtokens",
    "cachedcontenttokencount", "promptcachehittokens", "numcachedtokens", "totalcachedtokens", "cacheread",
)  # fmt: skip
_WRITTEN = (
    "cachecreationinputtokens", "cachewriteinputtokens", "cachewriteinputtokencount", "cachewritetokens",
    "cachecreation", "cachewrite",
)  # fmt: skip
_THOUGHT = ("reasoningtokens", "thoughtstokencount", "totalthoughttokens", "thinkingtokens", "reasoning")
_TOTAL = ("totaltokens", "totaltokencount", "total")
_TOOLS = ("tooluseprompttokencount", "totaltoolusetokens")
# Where these stand beside `input_tokens`, they are not in it.
_CACHED_APART = frozenset({
    "cachereadinputtokens", "cachecreationinputtokens", "cachewriteinputtokens", "cachereadinputtokencount",
    "cachewriteinputtokencount",
})  # fmt: skip
_INPUTS_WITHOUT_CACHE = frozenset({"inputtokens", "inputtokencount"})
_THOUGHT_APART = frozenset({"thoughtstokencount", "totalthoughttokens"})
_COUNTABLE = 1 << 53

Counts = dict[str, int]


def vendor_usage(usage: Mapping[str, Json] | None) -> Usage | None:
    """Return the token counts of a vendor's usage object; None when it holds none."""
    if not usage:
        return None
    counts = _flat(usage)
    given, said = _first(counts, _INPUT), _first(counts, _OUTPUT)
    read, written, thought = _first(counts, _READ), _first(counts, _WRITTEN), _first(counts, _THOUGHT)
    total = _first(counts, _TOTAL)
    found = Usage(
        input=_with_cache(counts, given, said, total),
        output=_with_thoughts(counts, given, said, thought, total),
        cached_read=read,
        cached_write=written,
        reasoning=thought,
        audio=counts.get("audiotokens"),
    )
    return None if found == Usage() else found


def _flat(usage: Mapping[str, Json]) -> Counts:
    """Return the counts of a usage object under folded names, those of its details among them."""
    counts: Counts = {}
    for name, value in usage.items():
        folded = _fold(name)
        if _is_count(value):
            counts[folded] = int(value)
        elif isinstance(value, dict) and (folded in ("tokens", "billedunits") or folded.endswith("details")):
            _add(counts, _flat(value), keep=folded == "billedunits")
        elif isinstance(value, dict) and _is_count(value.get("total")):
            # The AI SDK's own object; its parts are named after what they are part of.
            _add(counts, {folded: int(value["total"]), **_flat({k: v for k, v in value.items() if k != "total"})})
        elif isinstance(value, list) and folded.endswith("details"):
            _add(counts, _by_modality(value))
    return counts


def _add(counts: Counts, more: Counts, keep: bool = False) -> None:
    """Add counts; those of audio are summed up, of others the later one counts unless `keep`."""
    for name, count in more.items():
        if name == "audiotokens":
            counts[name] = counts.get(name, 0) + count
        elif not (keep and name in counts):
            counts[name] = count


def _by_modality(details: list[Json]) -> Counts:
    """Return the audio of a list of counts by modality, as Gemini writes them."""
    for item in details:
        if isinstance(item, dict) and str(item.get("modality", "")).upper() == "AUDIO":
            counts = (item.get(name) for name in ("tokenCount", "token_count", "tokens"))
            return {"audiotokens": sum(int(count) for count in counts if _is_count(count))}
    return {}


def _with_cache(counts: Counts, given: int | None, said: int | None, total: int | None) -> int | None:
    if given is None:
        return None
    given += sum(counts.get(name, 0) for name in _TOOLS)
    own = next(name for name in _INPUT if name in counts)
    if own not in _INPUTS_WITHOUT_CACHE or (total is not None and said is not None and total == given + said):
        return given
    return given + sum(count for name, count in counts.items() if name in _CACHED_APART)


def _with_thoughts(
    counts: Counts, given: int | None, said: int | None, thought: int | None, total: int | None
) -> int | None:
    """Add reasoning that is counted apart from the output: by its name, or because only so the total comes out."""
    if not thought:
        return said
    if not _THOUGHT_APART.isdisjoint(counts):
        return (said or 0) + thought
    if None not in (given, said, total) and (given or 0) + (said or 0) + thought == total:
        return (said or 0) + thought
    return said


def _first(counts: Counts, names: tuple[str, ...]) -> int | None:
    return next((counts[name] for name in names if name in counts), None)


def _fold(name: str) -> str:
    return name.replace("_", "").lower()


def _is_count(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _COUNTABLE
