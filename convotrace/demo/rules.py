"""What the local model does next: for each intent the next tool to call, or the words to say.

Pure: a rule sees the conversation and what the tools of this turn gave, and decides one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from convotrace.demo.intents import NEEDS_ORDER, Intent
from convotrace.demo.language import Language
from convotrace.demo.phrases import phrase, status


@dataclass(frozen=True)
class Call:
    """A tool to call."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Say:
    """The answer of this turn."""

    text: str


Step = Call | Say


@dataclass(frozen=True)
class Outcome:
    """What a tool gave: a value, or the error's type and message."""

    value: Any = None
    error: str | None = None


@dataclass(frozen=True)
class View:
    """What a rule can see of the conversation."""

    language: Language
    text: str
    order: str | None = None
    amount: float | None = None
    done: Mapping[str, Outcome] = field(default_factory=dict)

    def say(self, name: str, **values: object) -> Say:
        """Return a sentence in the customer's language; it may name the order."""
        return Say(phrase(name, self.language, order=self.order, **values))


def next_step(intent: Intent, view: View) -> Step:
    """Return the next tool call, or the answer when everything needed is known."""
    if intent in NEEDS_ORDER and view.order is None:
        return view.say("which_order")
    return _RULES[intent](view)


def _greeting(view: View) -> Step:
    return view.say("hello")


def _goodbye(view: View) -> Step:
    return view.say("goodbye")


def _order(view: View) -> Step:
    found = view.done.get("look_up_order")
    if found is None:
        return Call("look_up_order", {"order_id": view.order})
    if found.error:
        return view.say("unknown_order")
    order = found.value
    items = ", ".join(f"{line['quantity']} × {line['name']}" for line in order["items"])
    state = status(order["status"], view.language)
    return view.say("order", placed=order["placed_on"], items=items, total=_money(order["total"]), status=state)


def _delivery(view: View) -> Step:
    order, parcel = view.done.get("look_up_order"), view.done.get("check_delivery")
    if order is None or order.error:
        return _order(view)
    if parcel is None:
        return Call("check_delivery", {"order_id": view.order})
    if parcel.error:
        return _no_tracking(view, order.value, parcel.error)
    found = parcel.value
    arrived = found["delivered_on"]
    values = {"carrier": found["carrier"], "parcel": found["parcel"], "day": arrived or found["arrives_on"]}
    return view.say("arrived" if arrived else "on_its_way", **values)


def _watch(view: View) -> Step:
    # It asks for the same thing again and again: what ends it is a hook, see `limits.py`.
    return Call("check_delivery", {"order_id": view.order})


def _no_tracking(view: View, order: Mapping[str, Any], error: str) -> Step:
    if error.startswith("CarrierSilent"):
        return view.say("carrier_silent", day=order["arrives_on"])
    return view.say("not_shipped", status=status(order["status"], view.language))


def _return(view: View) -> Step:
    order, opened = view.done.get("look_up_order"), view.done.get("start_return")
    if order is None or order.error:
        return _order(view)
    if opened is None:
        return Call("start_return", {"order_id": view.order, "reason": view.text})
    if opened.error:
        return view.say("return_refused")
    return view.say("returned", number=opened.value["return_id"], label=opened.value["label"])


def _refund(view: View) -> Step:
    order, paid, taken = (view.done.get(name) for name in ("look_up_order", "refund", "hand_off"))
    if order is None or order.error:
        return _order(view)
    amount = view.amount or order.value["total"]
    if paid is None:
        return Call("refund", {"order_id": view.order, "amount": amount})
    if not paid.error:
        return view.say("refunded", amount=_money(amount), days=paid.value["days"])
    if taken is None:
        return Call("hand_off", {"reason": f"refund of {_money(amount)} EUR for {view.order}"})
    return view.say("refund_handed_off", amount=_money(amount), minutes=taken.value["minutes"])


def _invoice(view: View) -> Step:
    # The service behind it raises an error nobody handles: there is no second step.
    return Call("make_invoice", {"order_id": view.order})


def _human(view: View) -> Step:
    taken = view.done.get("hand_off")
    if taken is None:
        return Call("hand_off", {"reason": view.text})
    return view.say("handed_off", minutes=taken.value["minutes"])


def _product(view: View) -> Step:
    found = view.done.get("search_products")
    if found is None:
        return Call("search_products", {"query": view.text, "max_price": view.amount})
    if not found.value:
        return view.say("no_product")
    items = "; ".join(f"{product['name']}, {_money(product['price'])} EUR" for product in found.value)
    return view.say("products", items=items)


def _question(view: View) -> Step:
    found = view.done.get("search_help")
    if found is None:
        return Call("search_help", {"query": view.text, "language": view.language})
    return view.say("article", text=found.value[0]["text"]) if found.value else view.say("no_article")


def _money(amount: float) -> str:
    return f"{amount:.2f}"


_RULES: dict[Intent, Callable[[View], Step]] = {
    "human": _human,
    "invoice": _invoice,
    "refund": _refund,
    "return": _return,
    "watch": _watch,
    "delivery": _delivery,
    "order": _order,
    "goodbye": _goodbye,
    "greeting": _greeting,
    "help": _question,
    "product": _product,
    "question": _question,
}
