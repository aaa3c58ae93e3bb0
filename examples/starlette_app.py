"""The smallest of them, in Starlette: `uvicorn examples.starlette_app:app`, then POST {"message": …} to /chat."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from convotrace.demo.service import Service
from convotrace_starlette import ConvoTrace

service = Service()


async def chat(request: Request) -> JSONResponse:
    """Answer a message."""
    return JSONResponse(service.chat(await request.json()))


app = Starlette(routes=[Route("/chat", chat, methods=["POST"])])
ConvoTrace(app)
