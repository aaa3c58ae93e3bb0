"""The tools the assistant offers to its model: their definitions, and how each is run and recorded."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import convotrace as ct
from convotrace.demo.articles import Library
from convotrace.demo.shop import Shop, ShopError
from convotrace.demo.tally import Tally

_log = logging.getLogger("brindle_kettle")
# As libraries do: its lines are there for whoever asks for them, and print nothing by themselves.
_log.addHandler(logging.NullHandler())
_log.setLevel(logging.INFO)

_ORDER = {"order_id": {"type": "string", "pattern": "^K-[0-9]{4}$"}}


def _tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "schema": schema}


DEFINITIONS = [
    _tool("look_up_order", "Return an order with its lines and total.", **_ORDER),
    _tool("check_delivery", "Return where the parcel of an order is.", **_ORDER),
    _tool("start_return", "Open a return and make its label.", **_ORDER, reason={"type": "string"}),
    _tool("refund", "Pay money back, at most 100 EUR.", **_ORDER, amount={"type": "number"}),
    _tool("make_invoice", "Return the invoice of an order.", **_ORDER),
    _tool("search_products", "Find products.", query={"type": "string"}, max_price={"type": ["number", "null"]}),
    _tool("search_help", "Find help articles.", query={"type": "string"}, language={"enum": ["en", "es", "zh"]}),
    _tool("hand_off", "Ask a colleague to take over.", reason={"type": "string"}),
]


_WAITS = {"check_delivery": 25, "refund": 15, "search_help": 8}
"""How many paces a tool takes, where that is not 3: a carrier and a bank are far away."""


class Toolbox:
    """Runs tool calls against the shop and the help articles.

    Args:
        shop: What most tools ask.
        library: What `search_help` asks.
        tally: Counts what is run.
        pace: A unit of time in seconds; 0 in tests.
    """

    def __init__(self, shop: Shop, library: Library, tally: Tally, pace: float = 0.0) -> None:
        self._shop = shop
        self._library = library
        self._tally = tally
        self._pace = pace

    def run(self, name: str, arguments: Mapping[str, Any], call_id: str) -> Any:
        """Run one call and return what the model gets to see: a value, or `{"error": …}`.

        Raises:
            Exception: What no tool foresaw: it ends the request.
        """
        if name == "search_help":
            return self._search(**arguments)
        self._tally.add("tool")
        with ct.tool(name, arguments=dict(arguments), call_id=call_id) as span:
            self._wait(name)
            try:
                value = getattr(self._shop, name)(**arguments)
                span.set_result(value)
                return value
            except ShopError as error:
                return self._refused(span, name, error)
            except Exception:
                self._tally.add("error")
                raise

    def _refused(self, span: Any, name: str, error: ShopError) -> dict[str, str]:
        self._tally.add("error")
        span.error(error)
        _log.warning("%s refused: %s", name, error)
        return {"error": f"{type(error).__name__}: {error}"}

    def _search(self, query: str, language: str) -> list[dict[str, Any]]:
        self._tally.add("retrieval")
        with ct.retrieval("help articles", query=query) as span:
            self._wait("search_help")
            found = self._library.search(query, language)
            span.set_documents(found)
            _log.info("articles found", extra={"count": len(found)})
            return found

    def _wait(self, name: str) -> None:
        time.sleep(self._pace * _WAITS.get(name, 3))
