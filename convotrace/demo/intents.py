"""What a customer wants, by the words they use; the first line that matches wins."""

from __future__ import annotations

from typing import Literal

from convotrace.demo.language import amount_in, mentions, order_in

Intent = Literal[
    "human",
    "invoice",
    "refund",
    "return",
    "watch",
    "delivery",
    "order",
    "goodbye",
    "greeting",
    "help",
    "product",
    "question",
]

NEEDS_ORDER: frozenset[Intent] = frozenset({"invoice", "refund", "return", "watch", "delivery", "order"})
"""What cannot be done without an order number."""

_WORDS: tuple[tuple[Intent, str], ...] = (
    ("human", "human|person|someone|colleague|agent|complaint|persona|humano|alguien|queja|人工|客服|真人|投诉"),
    ("invoice", "invoice|factura|发票"),
    ("help", "how long|how do|how can i|how should|cómo|cuánto tarda|plazo|clean|care|sharpen|怎么|如何|多久|保养"),
    ("refund", "refund|money back|reembolso|dinero|退款|退钱"),
    ("return", "return|send back|send it back|devolver|devolución|退货"),
    ("watch", "keep checking|keep looking|sigue mirando|sigue comprobando|一直查|不停地查"),
    ("delivery", "parcel|delivery|track|tracking|where is|dónde está|哪里|paquete|envío|llega|包裹|快递|物流|到哪"),
    ("order", "order|pedido|订单"),
    ("goodbye", "thanks|thank you|bye|that is all|gracias|adiós|谢谢|再见"),
    ("greeting", "hello|hi|hey|hola|buenas|你好|您好"),
    ("help", "warranty|voucher|gift|pay|limescale|garantía|pagar|保修|支付"),
    ("product", "kettle|pan|skillet|pot|knife|knives|tea|mug|cup|grinder|scale|tetera|hervidor|sartén|olla|cuchillo|"
                "té|taza|molinillo|báscula|水壶|锅|刀|茶|杯|磨豆机|秤"),
)  # fmt: skip


def intent_of(text: str, earlier: list[str]) -> Intent:
    """Return what a message is about; a bare order number or amount answers the question before it.

    Args:
        text: The message.
        earlier: The customer's messages before it, oldest first.
    """
    found, order = _named(text), order_in(text)
    goes_on = (order and found in ("question", "product")) or (amount_in(text) and found == "question")
    if not goes_on:
        return found
    wanted = next((intent for intent in map(_named, reversed(earlier)) if intent in NEEDS_ORDER), None)
    return wanted or ("order" if order else found)


def _named(text: str) -> Intent:
    for intent, words in _WORDS:
        # "How is K-1042 doing?" asks about the order, not for an article.
        if intent == "help" and order_in(text):
            continue
        if any(mentions(text, word) for word in words.split("|")):
            return intent
    return "question"
