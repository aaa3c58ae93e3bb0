"""A WebSocket chat as a real server runs it: tokens in JSON, a slow answer, one that fails, one that closes."""

import asyncio

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

import convotrace as ct
import convotrace_starlette


async def chat(socket: WebSocket):
    """Answer messages; some words ask for something else than an answer."""
    await socket.accept()
    try:
        while True:
            asked = (await socket.receive_json()).get("message", "")
            if asked.startswith("close"):
                return await socket.close(int(asked.split()[1]), "as asked")
            await answer(socket, asked)
    except WebSocketDisconnect:
        return


async def answer(socket, asked):
    """Do what a message asks for."""
    if asked == "boom":
        raise ValueError("no luck")
    with ct.tool("look", arguments=asked):
        pass
    for n in range(1000 if asked == "slow" else 3):
        await socket.send_json({"type": "token", "token": f"{n} "})
        await asyncio.sleep(0.01 if asked == "slow" else 0)
    await socket.send_json({"type": "end"})


app = Starlette(routes=[WebSocketRoute("/ws", chat)])
convotrace_starlette.ConvoTrace(app)
