"""What can be read off a message."""

import pytest

from convotrace.demo.intents import intent_of
from convotrace.demo.language import amount_in, language_of, mentions, order_in, telling_words


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order?", "en"),
        ("¿Dónde está mi pedido?", "es"),
        ("quiero devolver la olla", "es"),
        ("我的包裹到哪了？", "zh"),
        ("K-1042", None),
    ],
)
def test_the_language_is_read_off_script_and_words(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("order K-1042, please", "K-1042"),
        ("k1042", "K-1042"),
        ("订单K-1058到哪了", "K-1058"),
        ("OK-1042", None),
        ("K-10429", None),
        ("1042", None),
    ],
)
def test_an_order_number_is_found_in_any_writing(text: str, order: str | None) -> None:
    assert order_in(text) == order


@pytest.mark.parametrize(
    ("text", "amount"), [("14 EUR", 14.0), ("€ 9,50", 9.5), ("28欧元", 28.0), ("30 euros", 30.0), ("K-1042", None)]
)
def test_a_sum_of_money_is_found_in_any_writing(text: str, amount: float | None) -> None:
    assert amount_in(text) == amount


def test_a_word_is_mentioned_whole_or_in_the_plural_and_in_chinese_anywhere() -> None:
    assert mentions("Two kettles, please", "kettle")
    assert not mentions("instead", "tea")
    assert mentions("我想买水壶", "水壶")


def test_words_that_say_nothing_are_left_out_and_chinese_is_set_apart() -> None:
    assert telling_words("How do I clean the pan? The pan!") == ["clean", "pan"]
    assert telling_words("退货吗") == ["退", "货"]


@pytest.mark.parametrize(
    ("text", "earlier", "intent"),
    [
        ("Where is my order K-1042?", [], "delivery"),
        ("What is in order K-1042?", [], "order"),
        ("How do I return something?", [], "help"),
        ("K-1042", ["I want to send back a pan"], "return"),
        ("K-1043, 14 EUR for the mug", ["money back please"], "refund"),
        ("K-1042", [], "order"),
        ("knives under 30 EUR", [], "product"),
        ("20 EUR would do", ["refund K-1070", "thanks"], "refund"),
        ("¿Puedo hablar con una persona?", [], "human"),
        ("发票", [], "invoice"),
        ("Do you sell bicycles?", [], "question"),
    ],
)
def test_what_a_customer_wants_is_read_off_their_words(text: str, earlier: list[str], intent: str) -> None:
    assert intent_of(text, earlier) == intent
