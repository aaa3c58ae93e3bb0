"""A span held open across a yield: right parents, one end, nothing left behind for the generator's caller."""

import asyncio
import contextlib
import contextvars
import gc
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

import convotrace as ct
from convotrace.capture.current import current


def parents(trace):
    """Return each span's name with the name of its parent."""
    return {span.name: span.parent.name if span.parent else None for span in trace.spans}


def sync_stream():
    with ct.span("stream"):
        for n in range(3):
            with ct.tool(f"step{n}"):
                pass
            yield n


async def async_stream():
    with ct.span("stream"):
        for n in range(3):
            async with ct.tool(f"step{n}"):
                await asyncio.sleep(0)
            yield n


def test_a_sync_generator_keeps_its_children_and_its_caller_keeps_its_own(trace):
    with ct.span("caller"):
        for n in sync_stream():
            with ct.span(f"body{n}"):
                pass
    assert parents(trace) == {
        "caller": None, "stream": "caller", "step0": "stream", "step1": "stream", "step2": "stream",
        "body0": "caller", "body1": "caller", "body2": "caller",
    }  # fmt: skip
    assert all(span.ended is not None and span.status == "ok" for span in trace.spans)
    assert current() is trace


def test_an_async_generator_keeps_its_children_and_its_caller_keeps_its_own(trace):
    async def use():
        with ct.span("caller"):
            async for n in async_stream():
                with ct.span(f"body{n}"):
                    await asyncio.sleep(0)

    asyncio.run(use())
    found = parents(trace)
    assert {found[f"step{n}"] for n in range(3)} == {"stream"}
    assert {found[f"body{n}"] for n in range(3)} == {"caller"}


def test_after_a_break_the_caller_is_not_inside_the_stream(trace):
    async def use():
        stream = async_stream()
        async for _ in stream:
            break
        with ct.span("after"):
            pass
        assert current() is trace
        await stream.aclose()
        assert current() is trace

    asyncio.run(use())
    assert parents(trace)["after"] is None
    assert {span.name: span.status for span in trace.spans}["stream"] == "cancelled"


def test_work_gathered_inside_a_held_span_belongs_to_it(trace):
    async def child(name):
        with ct.tool(name):
            await asyncio.sleep(0)

    async def stream():
        with ct.span("stream"):
            await asyncio.gather(child("a"), child("b"))
            yield 1
            await asyncio.gather(child("c"), child("d"))
            yield 2

    async def use():
        async for _ in stream():
            pass

    asyncio.run(use())
    assert parents(trace) == {"stream": None, "a": "stream", "b": "stream", "c": "stream", "d": "stream"}


def test_each_step_may_run_in_a_fresh_copy_of_the_context(trace):
    """So does Starlette with a sync generator: every `next` runs in a thread with a copied context."""
    stream = sync_stream()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            context = contextvars.copy_context()
            assert pool.submit(context.run, next, stream).result() in (0, 1, 2)
        pool.submit(contextvars.copy_context().run, stream.close).result()
    assert parents(trace) == {"stream": None, "step0": "stream", "step1": "stream", "step2": "stream"}
    assert current() is trace


def test_closing_from_another_task_ends_once_and_logs_nothing(trace, caplog):
    async def use():
        stream = async_stream()
        await stream.__anext__()
        await asyncio.create_task(stream.aclose())
        assert current() is trace

    with caplog.at_level(logging.DEBUG):
        asyncio.run(use(), debug=False)
    assert [record for record in caplog.records if record.name != "asyncio" or record.levelno > logging.DEBUG] == []
    assert [span.ended is not None for span in trace.spans] == [True, True]


@pytest.mark.parametrize("make", [sync_stream, async_stream])
def test_garbage_collection_ends_the_span(trace, make):
    async def use():
        stream = make()
        await stream.__anext__() if make is async_stream else next(stream)
        del stream
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(use())
    assert all(span.ended is not None for span in trace.spans)


def test_a_context_manager_of_the_users_own_covers_its_block(trace):
    @contextlib.contextmanager
    def traced(name):
        with ct.span(name):
            yield

    with traced("outer"), ct.tool("inner"):
        pass

    def stream():
        with traced("held"):
            with ct.tool("child"):
                pass
            yield 1

    for _ in stream():
        with ct.span("body"):
            pass
    assert parents(trace) == {"outer": None, "inner": "outer", "held": None, "child": "held", "body": None}


def test_a_cancelled_task_leaves_a_cancelled_span(trace):
    async def work():
        with ct.span("work"):
            await asyncio.sleep(10)

    async def use():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(use())
    assert trace.spans[0].status == "cancelled"


def test_interleaved_generators_do_not_mix(trace):
    def stream(name):
        with ct.span(name):
            for n in range(2):
                with ct.tool(f"{name}{n}"):
                    pass
                yield n

    first, second = stream("first"), stream("second")
    for _ in zip(first, second, strict=True):
        with ct.span("body"):
            pass
    found = parents(trace)
    assert (found["first1"], found["second1"], found["body"]) == ("first", "second", None)


def test_observe_on_generators_keeps_items_and_closes_the_inner_one(trace):
    closed = []

    @ct.observe
    def words(text):
        try:
            for word in text.split():
                with ct.tool(word):
                    pass
                yield word
        finally:
            closed.append(True)

    assert list(words("a b")) == ["a", "b"]
    stream = words("c d")
    next(stream)
    stream.close()
    whole, broken = (span for span in trace.spans if span.name == "words")
    assert (whole.fields["output"], whole.status) == ("ab", "ok")
    assert (broken.fields["output"], broken.status) == ("c", "cancelled")
    assert parents(trace)["a"] == "words"
    assert closed == [True, True]
    assert current() is trace


def test_observe_relays_send_and_return_values(trace):
    @ct.observe
    def echo():
        heard = yield 1
        return heard

    stream = echo()
    assert next(stream) == 1
    with pytest.raises(StopIteration) as stop:
        stream.send("x")
    assert stop.value.value == "x"


def test_observe_fits_every_sort_of_function(trace):
    @ct.observe(kind="tool")
    def plain(a, b=2):
        return a + b

    @ct.observe(name="named", kind="generation")
    async def coroutine():
        return "text"

    @ct.observe
    async def stream():
        yield "x"
        yield "y"

    async def use():
        assert await coroutine() == "text"
        assert [item async for item in stream()] == ["x", "y"]

    assert plain(1) == 3
    asyncio.run(use())
    by_name = {span.name: span for span in trace.spans}
    assert by_name["plain"].fields == {"arguments": {"a": 1}, "result": 3}
    assert by_name["named"].kind == "generation"
    assert by_name["stream"].fields["output"] == "xy"


def test_outside_a_request_every_verb_is_a_no_op():
    with ct.span("x") as s:
        s.set_input(1).set(model="m").event("e").score("s", 1).error("e")
    ct.event("x")
    ct.score("x", 1)
    ct.tag("x")
    ct.end_session("completed")
    assert ct.current_session() is None and ct.current_trace() is None and ct.current_span() is None
