"""The long columns of a trace's row, pressed into one: they repeat what was said, and one another.

A row of over half a page leaves the rest of it empty, so this pays twice. A shorter row stays as it is: it would cost
more time than it saves room. Only where `Database.presses` says so; what is pressed can be read anywhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import Any

from convotrace.store.deflate import compress_with, inflating
from convotrace.store.rows import TraceRow

_FROM = 1800
"""Bytes of these columns and of the texts from which on two rows do not fit into a page of four kilobytes."""

_LONGEST = 12_000
"""Characters of each text that serve as a dictionary: the compressor looks no further back than 32 KB."""

_INPUT_TEXT, _OUTPUT_TEXT, _INPUT_BODY, _OUTPUT_BODY, _EXTRA, _WORK, _PRESSED = map(
    TraceRow._fields.index,
    ("input_text", "output_text", "input_body", "output_body", "extra", "work", "pressed"),
)
_HEAD = Struct(">4i")
_NONE = -1
# Part of the form of every pressed row: a change of one byte would make them unreadable.
_PRIMER = (
    b'"error":["ValueError","Traceback (most recent call last):\\n  File \\"","interrupted","cancelled","disconnected",'
    b'{"provider":"anthropic","provider":"openai","finish_reason":"tool_calls","finish_reason":"stop","temperature":'
    b'"reasoning_tokens":"metadata":{"attributes":{"tags":["http","guardrail","reranker","embedding","chain","evaluator"'
    b'"session_id":"conversation_id":"thread_id":"user_id":"messages":[{"role":"user","content":"message":"reply":"answer"'
    b'"content-length":"host":"127.0.0.1:8000","user-agent":"Mozilla/5.0","accept":"*/*","accept-encoding":"gzip"'
    b'{"request_bytes":,"response_bytes":,"chunks":1,"largest_gap_ns":,"resent":"","request":["POST","/chat",{},{"host":'
    b'"content-type":"application/json","connection":"keep-alive"}]}{"events":[["spans":[["0123456789abcdef",null,"agent",'
    b'"retrieval","documents":[{"id":"","score":0.,"title":"","url":"https://","apart":"","text":"query":"internal","ok",'
    b'"tool","ok",,{"call_id":"call_","arguments":{"},"result":{"found":"generation","chat","ok",,{"model":"gpt-4o",'
    b'"usage":[,],"cost":,"packed":{"input":"02","output":"01"}}],["input":"01","output":[{"role":"assistant","parts":'
    b'[{"type":"tool_call","id":"call_","name":"","arguments":{"parts":[{"type":"text","content":"'
)


def press(row: list[Any], bundle: bytes | None) -> None:
    """Put the long columns of a row, given as a list, into `pressed`, if they are long.

    Args:
        row: The row, with nothing pressed.
        bundle: The contents that it brings, where any stand with it.
    """
    extra, work, input_text, output_text = row[_EXTRA], row[_WORK], row[_INPUT_TEXT] or "", row[_OUTPUT_TEXT] or ""
    columns = [_bytes(extra), _bytes(work), row[_INPUT_BODY], row[_OUTPUT_BODY]]
    sizes = [_NONE if column is None else len(column) for column in columns]
    # Each that is not there counts as -1 here: that is made good.
    if bundle is None and len(input_text) + len(output_text) + sum(sizes) + columns.count(None) < _FROM:
        return
    if extra is not None and '"attachments"' in extra:
        # Files are looked up by this column alone.
        columns[0], sizes[0] = None, _NONE
    # The bundle is last: most who read a row do not want it. It has no length, so rows without one are as ever.
    parts = [_HEAD.pack(*sizes), *[column for column in columns if column is not None], bundle or b""]
    row[_PRESSED] = compress_with(_words(input_text, output_text), b"".join(parts))
    row[_EXTRA] = extra if columns[0] is None else None
    row[_WORK] = row[_INPUT_BODY] = row[_OUTPUT_BODY] = None


def trace_row(columns: Sequence[Any], with_bundle: bool = False) -> TraceRow:
    """Return the row that was stored, its long columns in their places, its bundle in `pressed` where it is wanted."""
    data = columns[_PRESSED]
    return TraceRow._make(columns if data is None else _unpressed([*columns], data, with_bundle))


def work_in(work: str | None, data: bytes | None, input_text: str | None, output_text: str | None) -> str | None:
    """Return the document of a trace by the columns that it takes: `work`, `pressed` and the texts."""
    if data is None:
        return work
    try:
        press = inflating(_words(input_text, output_text))
        head = press.decompress(data, _HEAD.size)
        before, length, *_ = _HEAD.unpack(head)
        if length == _NONE:
            return None
        # Bodies, which stand behind it and may be much longer, are left where they are.
        at = max(before, 0)
        raw: bytes = press.decompress(press.unconsumed_tail, at + length) if at + length else b""
    except (zlib.error, StructError):
        return None
    return raw[at:].decode()


def bundle_in(data: bytes | None, input_text: str | None, output_text: str | None) -> bytes | None:
    """Return the bundle of a trace by its columns `pressed` and the texts."""
    return None if data is None else _parts(data, _words(input_text, output_text), with_bundle=True)[-1]


def _unpressed(columns: list[Any], data: bytes, with_bundle: bool) -> list[Any]:
    # By position: a session is read a row at a time, and `_replace` takes longer than all the rest.
    dictionary = _words(columns[_INPUT_TEXT], columns[_OUTPUT_TEXT])
    extra, work, input_body, output_body, bundle = _parts(data, dictionary, with_bundle)
    if extra is not None:
        columns[_EXTRA] = _text(extra)
    columns[_WORK], columns[_INPUT_BODY], columns[_OUTPUT_BODY] = _text(work), input_body, output_body
    columns[_PRESSED] = bundle
    return columns


def _parts(data: bytes, dictionary: bytes, with_bundle: bool = False) -> list[bytes | None]:
    """Return what was pressed, the bundle where it is wanted; of a damaged row nothing."""
    try:
        press = inflating(dictionary)
        # All in one go takes a fifth less than a piece at a time; who wants no bundle is spared what may be much.
        raw = press.decompress(data) + press.flush() if with_bundle else _without_bundle(press, data)
        lengths = _HEAD.unpack_from(raw)
    except (zlib.error, StructError):
        return [None] * 5
    found: list[bytes | None] = []
    at = _HEAD.size
    for length in lengths:
        if length == _NONE:
            found.append(None)
        else:
            found.append(raw[at : at + length])
            at += length
    return [*found, raw[at:] or None]


def _without_bundle(press: Any, data: bytes) -> bytes:
    head: bytes = press.decompress(data, _HEAD.size)
    room = sum([length for length in _HEAD.unpack(head) if length > 0])
    # Asked for no more than nothing, it would give all.
    return head + press.decompress(press.unconsumed_tail, room) if room else head


def _words(input_text: str | None, output_text: str | None) -> bytes:
    return _PRIMER + (input_text or "")[:_LONGEST].encode() + (output_text or "")[:_LONGEST].encode()


def _bytes(column: str | bytes | None) -> bytes | None:
    return column.encode() if isinstance(column, str) else column


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()
