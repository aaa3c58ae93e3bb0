"""An exception in words, made at once: the record must not keep its frames alive."""

from __future__ import annotations

import traceback
from types import TracebackType

from convotrace.model import Failure
from convotrace.recorder.values import plain

_MOST_ERRORS = 10


def failure_of(error: BaseException) -> Failure:
    """Return an exception in words: its type, message and stack, without keeping its frames alive.

    Source lines are not read, since that would be file access inside the request.
    """
    return Failure(_type_name(type(error)), _message(error), "".join(_stack(error, set())))


def _message(error: BaseException) -> str:
    try:
        return str(plain(str(error)))
    except Exception:  # the app's own exception class may not be printable
        return "(no message: str() of the exception failed)"


def _type_name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _stack(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    lines: list[str] = []
    if cause is not None and id(cause) not in seen and len(seen) < _MOST_ERRORS:
        lines = [*_stack(cause, seen), f"{_type_name(type(cause))}, then:\n"]
    return lines + _frames(error.__traceback__) + _parts(error, seen)


def _parts(error: BaseException, seen: set[int]) -> list[str]:
    """Return the exceptions inside a group, each with its stack."""
    lines: list[str] = []
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        if id(part) not in seen and len(seen) < _MOST_ERRORS:
            lines += [f"  + {_type_name(type(part))}: {_message(part)}\n"]
            lines += ["  | " + line for line in _stack(part, seen)]
    return lines


def _frames(tb: TracebackType | None) -> list[str]:
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(tb)]
    return [f'  File "{code.co_filename}", line {line}, in {code.co_qualname}\n' for code, line in frames[-60:]]
