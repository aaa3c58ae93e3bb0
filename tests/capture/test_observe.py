"""The decorator: what it records, and that the decorated function stays what it was."""

import asyncio
import contextlib
import sys
from functools import partial

import pytest

import convotrace as ct


def test_observe_is_a_no_op_outside_a_request_and_collects_nothing():
    made = []

    class Item:
        def __repr__(self):
            made.append(self)
            return "item"

    @ct.observe
    def items():
        yield Item()

    assert len(list(items())) == 1 and made == []


def test_observe_without_content_keeps_the_span_alone(trace, written):
    @ct.observe(kind="tool", content=False)
    def find(secret):
        return secret

    assert find("x") == "x"
    (span,) = written().trace.spans
    assert (span.kind, span.name, span.arguments, span.result) == ("tool", "find", None, None)


def test_observe_keeps_what_the_function_is(trace):
    @ct.observe
    def documented(a: int) -> int:
        """Say what it does."""
        return a

    assert (documented.__name__, documented.__doc__, documented(3)) == ("documented", "Say what it does.", 3)


def test_observe_takes_methods_partials_and_wrong_calls(trace, written):
    class Shop:
        @ct.observe
        def find(self, sku, *, limit=1):
            return sku

    assert Shop().find("a", limit=2) == "a"
    assert ct.observe(partial(int, "5"))() == 5
    with pytest.raises(TypeError, match="missing 1 required"):
        Shop().find()
    find, made, wrong = written().trace.spans
    assert (find.input, made.name, wrong.status) == ({"sku": "a", "limit": 2}, "partial", "error")


def test_an_observed_async_generator_hears_what_is_sent_and_thrown_in(trace, written):
    heard = []

    @ct.observe
    async def stream():
        while True:
            try:
                heard.append((yield len(heard)))
            except ValueError as error:
                heard.append(error)

    async def use():
        running = stream()
        assert await anext(running) == 0
        assert await running.asend("a") == 1
        error = ValueError("x")
        assert await running.athrow(error) == 2
        await running.aclose()
        assert heard == ["a", error]

    asyncio.run(use())
    (span,) = written().trace.spans
    assert (span.output, span.status) == ([0, 1, 2], "cancelled")


def test_an_observed_context_manager_of_the_users_own_sees_the_exception_of_its_block(trace):
    seen = []

    @contextlib.asynccontextmanager
    @ct.observe
    async def session():
        try:
            yield 1
        except ValueError as error:
            seen.append(error)

    async def use():
        async with session():
            raise ValueError

    asyncio.run(use())
    assert len(seen) == 1


def test_items_that_change_after_they_were_yielded_are_kept_as_they_were(trace, written):
    @ct.observe
    def growing():
        state = []
        for number in range(3):
            state.append(number)
            yield state

    assert len(list(growing())) == 3
    assert written().trace.spans[0].output == [[0], [0, 1], [0, 1, 2]]


def test_an_endless_generator_does_not_fill_the_memory(trace, written, monkeypatch):
    monkeypatch.setattr(sys.modules["convotrace.capture.observe"], "_MAX_ITEMS", 5)

    @ct.observe
    def numbers():
        yield from range(100)

    assert sum(numbers()) == 4950
    assert written().trace.spans[0].output == [0, 1, 2, 3, 4, "[cut: too many items]"]
