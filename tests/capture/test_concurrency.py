"""Verbs in tasks and threads: right parents, and no request sees another's."""

import asyncio
import threading

import pytest

import convotrace as ct
from convotrace.capture.current import current, current_node
from convotrace.recorder import OpenTrace


async def work(name, *children):
    with ct.span(name):
        await asyncio.sleep(0)
        await asyncio.gather(*(work(child) for child in children))
        await asyncio.sleep(0)


async def gathered():
    with ct.span("root"):
        await asyncio.gather(work("a", "a1", "a2"), work("b", "b1", "b2"))


async def grouped():
    with ct.span("root"):
        async with asyncio.TaskGroup() as group:
            group.create_task(work("a", "a1", "a2"))
            group.create_task(work("b", "b1", "b2"))


async def left_running():
    with ct.span("root"):
        tasks = [asyncio.create_task(work("a", "a1", "a2")), asyncio.create_task(work("b", "b1", "b2"))]
    await asyncio.gather(*tasks)


async def threaded():
    with ct.span("root"):
        await asyncio.to_thread(asyncio.run, work("a", "a1", "a2"))
        await asyncio.to_thread(asyncio.run, work("b", "b1", "b2"))


async def timed_out():
    with ct.span("root"):
        await gathered_below()
        try:
            async with asyncio.timeout(0):
                with ct.span("slow"):
                    await asyncio.sleep(60)
        except TimeoutError:
            pass


async def gathered_below():
    await asyncio.gather(work("a", "a1", "a2"), work("b", "b1", "b2"))


@pytest.mark.parametrize("shape", [gathered, grouped, left_running, threaded, timed_out])
def test_concurrent_work_has_the_right_parents(trace, written, shape):
    asyncio.run(shape())
    spans = {span.id: span for span in written().trace.spans}
    parents = {span.name: spans[span.parent_id].name if span.parent_id else None for span in spans.values()}
    slow = {"slow": "root"} if shape is timed_out else {}
    assert parents == {"root": None, "a": "root", "b": "root", "a1": "a", "a2": "a", "b1": "b", "b2": "b", **slow}
    expected = {name: "cancelled" if name == "slow" else "ok" for name in parents}
    assert {span.name: span.status for span in spans.values()} == expected
    assert current() is trace


def test_a_thousand_interleaved_requests_never_mix():
    async def one(number):
        trace = OpenTrace(None, 0)
        current_node.set(trace)
        for step in range(3):
            with ct.span(f"{number}-{step}"):
                await asyncio.sleep(0)
                ct.tag(str(number), on="trace")
        return trace

    async def all_of_them():
        return await asyncio.gather(*(one(number) for number in range(1000)))

    for number, trace in enumerate(asyncio.run(all_of_them())):
        assert [span.name for span in trace.spans] == [f"{number}-{step}" for step in range(3)]
        assert set(trace.tags) == {str(number)}
    assert current_node.get() is None


def test_a_thread_without_the_context_is_outside_the_request(trace):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(ct.current_trace()))
    thread.start()
    thread.join()
    assert seen == [None]
