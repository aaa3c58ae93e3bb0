"""The `observe` decorator: one span for each call of a function, coroutine, generator or async generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any, TypeVar, overload

from convotrace.capture.spans import NO_SPAN, span
from convotrace.recorder.values import weighed

F = TypeVar("F", bound=Callable[..., Any])
_MAX_ITEMS = 100_000
_MAX_WEIGHT = 4 << 20
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
    own_name: str = getattr(function, "__name__", type(function).__name__)
    recipe = _Recipe(function, name or own_name, kind, content)
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
        if self.wants(made):
            made.set(**{self.taken: self._arguments(args, kwargs)})
        return made

    def wants(self, made: Any) -> bool:
        return self.content and made is not NO_SPAN

    def close(self, made: Any, value: Any) -> Any:
        if self.wants(made):
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
            items = _Items(recipe.wants(made))
            try:
                return (yield from _Tee(function(*args, **kwargs), items))
            finally:
                recipe.close(made, items.joined())

    return wrapped


def _async_generator(function: Callable[..., Any], recipe: _Recipe) -> Callable[..., Any]:
    async def wrapped(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with recipe.open(args, kwargs) as made:
            items = _Items(recipe.wants(made))
            stream = function(*args, **kwargs)
            try:
                step = stream.asend(None)
                while True:
                    item = items.kept(await step)
                    # What `yield from` does for the others: the inner one hears what is sent and thrown in.
                    try:
                        step = stream.asend((yield item))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = stream.athrow(error)
            except StopAsyncIteration:
                return
            finally:
                recipe.close(made, items.joined())
                await stream.aclose()

    return wrapped


class _Items:
    """What a generator yielded, as far as it is recorded."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._items: list[Any] = []
        self._weight = 0

    def kept(self, item: Any) -> Any:
        """Note an item and return it; an endless generator must not fill the memory."""
        if self._wanted and len(self._items) < _MAX_ITEMS and self._weight < _MAX_WEIGHT:
            copy, weight = weighed(item)
            self._items.append(copy)
            self._weight += weight
        elif self._wanted:
            self._items.append("[cut: too many items]")
            self._wanted = False
        return item

    def joined(self) -> Any:
        """Return the items, as one text where all are texts."""
        items = self._items
        return "".join(items) if items and all(isinstance(item, str) for item in items) else items


class _Tee(Generator[Any, Any, Any]):
    """A generator that notes what another one yields; `send`, `throw` and `close` reach the other."""

    def __init__(self, stream: Generator[Any, Any, Any], items: _Items) -> None:
        self._stream = stream
        self._items = items

    def send(self, value: Any) -> Any:
        return self._items.kept(self._stream.send(value))

    def throw(self, *error: Any) -> Any:
        return self._items.kept(self._stream.throw(*error))

    def close(self) -> None:
        self._stream.close()


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
