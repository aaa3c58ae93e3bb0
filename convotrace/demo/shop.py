"""The shop's back office: a small SQLite database and what can be done with it.

Every call either answers with plain data or raises. How the assistant words it lives in `rules.py`.
"""

from __future__ import annotations

import sqlite3
import threading
from datetime import date
from pathlib import Path
from typing import Any

from convotrace.demo.language import mentions

TODAY = date(2026, 3, 14)
"""The shop's calendar stands still, so that the same question always has the same answer."""
RETURN_DAYS = 30
REFUND_LIMIT = 100.0
_SCRIPT = Path(__file__).parent / "data" / "shop.sql"


class ShopError(Exception):
    """Something the assistant can explain to the customer and go on from."""


class UnknownOrder(ShopError):
    """No order has this number."""


class NotShipped(ShopError):
    """The parcel has not left the house."""


class CarrierSilent(ShopError):
    """The carrier's tracking does not answer."""


class ReturnTooLate(ShopError):
    """The time for returns is over, or has not begun."""


class RefundRefused(ShopError):
    """The amount is above what may be paid without a colleague, or above what was paid."""


class InvoiceServiceDown(RuntimeError):
    """The invoice service cannot be reached: nobody foresaw it, so it is no ShopError."""


class Shop:
    """Customers, orders and products of one shop, in memory; safe to use from several threads."""

    def __init__(self, today: date = TODAY) -> None:
        self._today = today
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(_SCRIPT.read_text(encoding="utf-8"))

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def look_up_order(self, order_id: str) -> dict[str, Any]:
        """Return an order with its lines and total.

        Raises:
            UnknownOrder: No order has this number.
        """
        order = self._order(order_id)
        lines = self._lines(order_id)
        total = sum(line["price"] * line["quantity"] for line in lines)
        shown = ("id", "status", "placed_on", "arrives_on", "delivered_on", "customer")
        return {**{name: order[name] for name in shown}, "items": lines, "total": round(total, 2)}

    def search_products(self, query: str, max_price: float | None = None) -> list[dict[str, Any]]:
        """Return up to five products whose words occur in the query, best match first."""
        rows = self._rows("SELECT sku, name, words, price, stock FROM product ORDER BY sku")
        scored = [(sum(mentions(query, word) for word in row["words"].split()), row) for row in rows]
        fitting = [(hits, row) for hits, row in scored if hits and row["price"] <= (max_price or row["price"])]
        fitting.sort(key=lambda pair: (-pair[0], pair[1]["price"]))
        return [{key: row[key] for key in ("sku", "name", "price", "stock")} for _, row in fitting[:5]]

    def check_delivery(self, order_id: str) -> dict[str, Any]:
        """Return where a parcel is.

        Raises:
            UnknownOrder: No order has this number.
            NotShipped: The parcel has not left the house.
            CarrierSilent: The carrier's tracking does not answer.
        """
        order = self._order(order_id)
        if order["carrier"] is None:
            raise NotShipped(f"Order {order_id} is {order['status']}; it has no parcel number yet.")
        if order["carrier"] == "Slowboat":
            raise CarrierSilent(f"Slowboat tracking gave no answer for {order['parcel']} within 2 s.")
        return {name: order[name] for name in ("carrier", "parcel", "arrives_on", "delivered_on")}

    def start_return(self, order_id: str, reason: str) -> dict[str, Any]:
        """Open a return and give its label.

        Raises:
            UnknownOrder: No order has this number.
            ReturnTooLate: The order has not arrived, or arrived too long ago.
        """
        self._check_return(self._order(order_id))
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO return_parcel VALUES (?, ?)", (order_id, reason))
        return {"return_id": f"R-{order_id[2:]}", "label": f"/labels/{order_id}.pdf"}

    def refund(self, order_id: str, amount: float) -> dict[str, Any]:
        """Pay money back.

        Raises:
            UnknownOrder: No order has this number.
            RefundRefused: More than was paid, or more than may be paid without a colleague.
        """
        order, total = self._order(order_id), self.look_up_order(order_id)["total"]
        if amount > REFUND_LIMIT:
            raise RefundRefused(
                f"{amount:.2f} EUR is above the limit of {REFUND_LIMIT:.2f} EUR; a colleague must approve it."
            )
        if order["refunded"] + amount > total:
            raise RefundRefused(
                f"Order {order_id} cost {total:.2f} EUR and {order['refunded']:.2f} EUR were paid back."
            )
        with self._lock:
            self._db.execute("UPDATE purchase SET refunded = refunded + ? WHERE id = ?", (amount, order_id))
        return {"order_id": order_id, "amount": amount, "currency": "EUR", "days": 5}

    def make_invoice(self, order_id: str) -> dict[str, Any]:
        """Return an invoice.

        Raises:
            UnknownOrder: No order has this number.
            InvoiceServiceDown: Always: the error nobody foresaw.
        """
        self._order(order_id)
        raise InvoiceServiceDown("invoices.internal:8443 refused the connection")

    def hand_off(self, reason: str) -> dict[str, Any]:
        """Put the customer into a colleague's queue."""
        return {"queue": "shop floor", "minutes": 4, "reason": reason}

    def _order(self, order_id: str) -> sqlite3.Row:
        rows = self._rows(
            "SELECT purchase.*, customer.name AS customer FROM purchase"
            " JOIN customer ON customer.id = customer_id WHERE purchase.id = ?",
            order_id,
        )
        if not rows:
            raise UnknownOrder(f"No order {order_id}.")
        return rows[0]

    def _lines(self, order_id: str) -> list[dict[str, Any]]:
        rows = self._rows(
            "SELECT sku, name, quantity, price FROM line JOIN product USING (sku) WHERE purchase_id = ? ORDER BY sku",
            order_id,
        )
        return [dict(row) for row in rows]

    def _check_return(self, order: sqlite3.Row) -> None:
        if order["delivered_on"] is None:
            raise ReturnTooLate(f"Order {order['id']} has not arrived yet.")
        days = (self._today - date.fromisoformat(order["delivered_on"])).days
        if days > RETURN_DAYS:
            raise ReturnTooLate(
                f"Order {order['id']} arrived {days} days ago; returns are open for {RETURN_DAYS} days."
            )

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()
