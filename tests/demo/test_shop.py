"""The shop's tools and everything they refuse; the help articles."""

from collections.abc import Iterator

import pytest

from convotrace.demo.articles import Library
from convotrace.demo.shop import (
    CarrierSilent,
    InvoiceServiceDown,
    NotShipped,
    RefundRefused,
    ReturnTooLate,
    Shop,
    ShopError,
    UnknownOrder,
)


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.close()


@pytest.fixture
def library() -> Iterator[Library]:
    made = Library()
    yield made
    made.close()


def test_an_order_is_found_with_its_lines_and_total(shop: Shop) -> None:
    order = shop.look_up_order("K-1042")
    assert (order["status"], order["total"], len(order["items"])) == ("shipped", 87.0, 2)


def test_a_parcel_is_found_with_its_day(shop: Shop) -> None:
    assert shop.check_delivery("K-1042")["arrives_on"] == "2026-03-16"
    assert shop.check_delivery("K-1043")["delivered_on"] == "2026-02-26"


def test_a_return_gets_a_number_and_a_second_one_the_same(shop: Shop) -> None:
    first = shop.start_return("K-1043", "broken")
    assert first["return_id"] == shop.start_return("K-1043", "really broken")["return_id"]


def test_a_refund_is_paid_until_the_order_is_paid_back(shop: Shop) -> None:
    shop.refund("K-1043", 60.0)
    with pytest.raises(RefundRefused, match=r"60\.00 EUR were paid back"):
        shop.refund("K-1043", 60.0)


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("look_up_order", ("K-9999",), UnknownOrder),
        ("check_delivery", ("K-1051",), NotShipped),
        ("check_delivery", ("K-1077",), CarrierSilent),
        ("start_return", ("K-1060", "late"), ReturnTooLate),
        ("start_return", ("K-1042", "early"), ReturnTooLate),
        ("refund", ("K-1070", 100.01), RefundRefused),
        ("make_invoice", ("K-9999",), UnknownOrder),
    ],
)
def test_a_tool_refuses_with_an_error_the_assistant_can_explain(
    shop: Shop, tool: str, arguments: tuple[object, ...], error: type[ShopError]
) -> None:
    with pytest.raises(error):
        getattr(shop, tool)(*arguments)


def test_the_invoice_service_fails_in_a_way_nobody_foresaw(shop: Shop) -> None:
    with pytest.raises(InvoiceServiceDown) as caught:
        shop.make_invoice("K-1042")
    assert not isinstance(caught.value, ShopError)


def test_products_are_found_in_three_languages_and_under_a_price(shop: Shop) -> None:
    assert [p["sku"] for p in shop.search_products("knives", 30.0)] == ["KNI-02"]
    assert [p["sku"] for p in shop.search_products("¿tenéis teteras?")] == ["KET-01", "KET-02"]
    assert shop.search_products("有磨豆机吗")[0]["sku"] == "MIL-01"
    assert shop.search_products("bicycle") == []


def test_articles_are_found_by_their_words_best_first_with_scores(library: Library) -> None:
    found = library.search("How do I clean my cast-iron pan?")
    assert found[0]["id"] == "iron-care"
    assert [d["score"] for d in found] == sorted((d["score"] for d in found), reverse=True)
    assert all(document["score"] > 0 for document in found)


@pytest.mark.parametrize(
    ("query", "language", "article"),
    [("退款多久到账", "zh", "refund-time"), ("garantia", "es", "warranty"), ("水壶除水垢", "zh", "kettle-limescale")],
)
def test_articles_are_found_in_the_language_of_the_question(
    library: Library, query: str, language: str, article: str
) -> None:
    assert library.search(query, language)[0]["id"] == article


@pytest.mark.parametrize("query", ["", "the", '"OR" NEAR(', "bicycles"])
def test_a_question_without_an_article_finds_nothing(library: Library, query: str) -> None:
    assert library.search(query) == []
