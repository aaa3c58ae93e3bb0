"""The `observe` decorator: one span for each call of a function, coroutine, generator or async generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from typing import Any, TypeVar, overload

from convotrace.capture.spans import NO_SPAN, span

F = TypeVar("F", bound=Callable[..., Any])
_FIELDS = {"tool": ("arguments", "result"), "retrieval": ("query", "documents")}


@overload
def observe(function: F, /) -> F: ...
@overload
def observe(*, name: str | None = None, kind: str = "internal", content: bool = True) -> Callable[[F], F]: ...
def observe(function: Any = None, /, *, name: str | None = None, kind: str = "internal", content: bool = True) -> Any:
    """Record every call of a function as a span, with its arguments and what it returned or yielded.

    Args:
        function: The function, where used without parentheses.
        name: Name of the span; the function's own when None.
        kind: Kind of the span.
        content: False leaves arguments and results out.
    """
    if function is None:
        return lambda decorated: observe(decorated, name=name, kind=kind, content=content)  # type: ignore[call-overload]
    recipe = _Recipe(function, name or function.__name__, kind, content)
    return functools.wraps(function)(_wrapper(function)(function, recipe))


def _wrapper(function: Callable[..., Any]) -> Callable[[Callable[..., Any], _Recipe], Callable[..., Any]]:
    # Each wrapper is of the same sort as what it wraps: frameworks ask.
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.isgeneratorfunction(function):
        return _generator
    return _coroutine if inspect.iscoroutinefunction(function) else _plain


class _Recipe:
    """How calls of one function are recorded."""

    def __init__(self, function: Callable[..., Any], name: str, kind: str, content: bool) -> None:
        self.name = name
        self.kind = kind
        self.content = content
        self.taken, self.given = _FIELDS.get(kind, ("input", "output"))
        self.signature = _signature(function)

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        made = span(self.name, self.kind)
        if made is not NO_SPAN and self.content:
            made.set(**{self.taken: self._arguments(args, kwargs)})
        return made

    def close(self, made: Any, value: Any) -> Any:
        if made is not NO_SPAN and self.content:
            made.set(**{self.given: value})
        return value

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        try:
            bound = self.signature.bind_partial(*args, **kwargs).arguments if self.signature else kwargs
        except TypeError:  # a wrong call: the function itself says so
            bound = kwargs
        return {name: value for name, value in bound.items() if name not in ("self", "cls")}


def _plain(function: Callable[..., Any], recipe: _Recipe) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with recipe.open(args, kwargs) as made:
            return recipe.close(made, function(*args, **kwargs))

    return wrapped


def _coroutine(function: Callable[..., Any], recipe: _Recipe) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        with recipe.open(args, kwargs) as made:
            return recipe.close(made, await function(*args, **kwargs))

    return wrapped


def _generator(function: Callable[..., Any], recipe: _Recipe) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with recipe.open(args, kwargs) as made:
            tee = _Tee(function(*args, **kwargs))
            try:
                return (yield from tee)
            finally:
                recipe.close(made, _joined(tee.items))

    return wrapped


def _async_generator(function: Callable[..., Any], recipe: _Recipe) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with recipe.open(args, kwargs) as made:
            items: list[Any] = []
            stream = function(*args, **kwargs)
            try:
                async for item in stream:
                    items.append(item)
                    yield item
            finally:
                recipe.close(made, _joined(items))
                await stream.aclose()

    return wrapped


class _Tee(Generator[Any, Any, Any]):
    """A generator that keeps what another one yields; `send`, `throw` and `close` reach the other."""

    def __init__(self, stream: Generator[Any, Any, Any]) -> None:
        self.items: list[Any] = []
        self._stream = stream

    def send(self, value: Any) -> Any:
        return self._kept(self._stream.send(value))

    def throw(self, *error: Any) -> Any:
        return self._kept(self._stream.throw(*error))

    def close(self) -> None:
        self._stream.close()

    def _kept(self, item: Any) -> Any:
        self.items.append(item)
        return item


def _joined(items: list[Any]) -> Any:
    return "".join(items) if items and all(isinstance(item, str) for item in items) else items


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
