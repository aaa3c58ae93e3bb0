"""WebSocket conversations over a real uvicorn, with both of its protocol implementations and a real client."""

import asyncio
import contextlib
import json
import sys
import time

import pytest

import convotrace as ct

pytestmark = pytest.mark.servers


@pytest.fixture(params=["websockets", "wsproto"])
def served(request, start):
    """Start uvicorn with the chat; return it and a way to call it."""
    pytest.importorskip(request.param)
    pytest.importorskip("websockets")
    command = [sys.executable, "-m", "uvicorn", "sockets:app", "--port", "{port}", "--log-level", "critical"]
    return start(*command, "--ws", request.param)


def talk(server, conversation, session="s"):
    """Connect and run a conversation; return what it returned."""
    from websockets.asyncio.client import connect

    async def run():
        async with connect(f"ws://127.0.0.1:{server.port}/ws?session_id={session}") as socket:
            return await conversation(socket)

    return asyncio.run(run())


async def ask(socket, message):
    await socket.send(json.dumps({"message": message}))
    tokens = []
    async for frame in socket:
        value = json.loads(frame)
        if value["type"] == "end":
            break
        tokens.append(value["token"])
    return "".join(tokens)


def turns(server, count, session="s"):
    """Return the turns of a session, once they are there and over."""
    store = ct.Store.open(server.store)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = store.session(session)
        if found is not None and len(found.traces) == count and not any(t.status == "running" for t in found.traces):
            break
        time.sleep(0.05)
    store.close()
    return found.traces


def test_a_conversation_is_one_session_of_turns(served):
    async def conversation(socket):
        answers = [await ask(socket, word) for word in ("a", "b")]
        await socket.ping()
        return answers

    assert talk(served, conversation) == ["0 1 2 ", "0 1 2 "]
    found = turns(served, 2)
    assert [(t.input.text, t.output.text) for t in found] == [("a", "0 1 2 "), ("b", "0 1 2 ")]
    assert [(t.status, t.close_code, len(t.spans)) for t in found] == [("ok", None, 1), ("ok", 1000, 1)]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
def test_a_code_of_the_server_reaches_client_and_trace(served, code):
    async def conversation(socket):
        await socket.send(json.dumps({"message": f"close {code}"}))
        await socket.wait_closed()
        return socket.close_code, socket.close_reason

    assert talk(served, conversation) == (code, "as asked")
    assert [(t.status, t.close_code) for t in turns(served, 1)] == [("ok", code)]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
def test_a_code_of_the_client_is_the_traces(served, code):
    async def conversation(socket):
        await ask(socket, "a")
        await socket.close(code)

    talk(served, conversation)
    assert [(t.status, t.close_code) for t in turns(served, 1)] == [("ok", code)]


def test_the_turn_of_a_handler_that_raises_failed(served):
    async def conversation(socket):
        await ask(socket, "a")
        await socket.send(json.dumps({"message": "boom"}))
        await socket.wait_closed()
        return socket.close_code

    # Without a code: uvicorn drops the connection of a handler that raises.
    assert talk(served, conversation) == 1006
    first, second = turns(served, 2)
    assert (first.status, second.status, second.error.message) == ("ok", "error", "no luck")
    assert second.close_code is None


def test_a_client_that_leaves_an_answer_has_left_that_turn(served):
    async def conversation(socket):
        await ask(socket, "a")
        await socket.send(json.dumps({"message": "slow"}))
        for _ in range(5):
            await socket.recv()
        socket.transport.abort()

    with contextlib.suppress(Exception):
        talk(served, conversation)
    first, second = turns(served, 2)
    assert (first.status, second.status, second.error) == ("ok", "disconnected", None)
    assert 5 <= second.left.chunks < 1000 and second.left.bytes == second.response_bytes


def test_a_hundred_connections_at_once_never_mix(served):
    from websockets.asyncio.client import connect

    async def one(n):
        async with connect(f"ws://127.0.0.1:{served.port}/ws?session_id=s{n}") as socket:
            for word in range(5):
                await ask(socket, f"{n}-{word}")

    async def run():
        await asyncio.gather(*(one(n) for n in range(100)))

    asyncio.run(run())
    for n in range(100):
        found = turns(served, 5, f"s{n}")
        assert [t.input.text for t in found] == [f"{n}-{word}" for word in range(5)]
        assert [t.spans[0].arguments for t in found] == [t.input.text for t in found]
