"""What can be read off a message without understanding it: its language, words, order number, amount.

Pure functions over text. What the words mean lives in `intents.py`.
"""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["en", "es", "zh"]

_HAN = re.compile(r"([\u4e00-\u9fff])")
_WORD = re.compile(r"[^\W_]+")
_ORDER = re.compile(r"(?<![A-Za-z0-9])[Kk][- ]?(\d{4})(?!\d)")
_AMOUNT = re.compile(r"(?:€|EUR)\s?(\d+(?:[.,]\d{1,2})?)|(\d+(?:[.,]\d{1,2})?)\s?(?:€|EUR|euros?|欧元)", re.IGNORECASE)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPANISH = _words(
    "hola gracias pedido quiero dónde donde está esta cómo como cuánto cuanto cuándo cuando devolver reembolso dinero "
    "factura tetera sartén sarten persona hablar con una por favor mi el la los las qué que para puedo tenéis tienen"
)
_ENGLISH = _words("the a is my i of to and where what how can you please order hello hi thanks for")
_COMMON = _words(
    "a an and are can do does for how i if in is it me my of on or that the to take what when with you your "
    "al como con cual cuál cuánto cómo de del el en es la las lo los me mi mis para por puedo que qué se si sin un "
    "una y 我 你 的 了 吗 是 在 有 们 怎 么 什 可 以 请 问 多 久 要"
)


def language_of(text: str) -> Language | None:
    """Return the language a text is written in, None where it does not say (a bare number)."""
    if _HAN.search(text):
        return "zh"
    if re.search(r"[¿¡ñ]", text):
        return "es"
    words = set(_WORD.findall(text.casefold()))
    spanish, english = len(words & _SPANISH), len(words & _ENGLISH)
    if spanish == english:
        return None
    return "es" if spanish > english else "en"


def apart(text: str) -> str:
    """Return the text with a space around every Chinese character, so that each is a word to an index."""
    return _HAN.sub(r" \1 ", text)


def telling_words(text: str) -> list[str]:
    """Return the words of a text that say something, in order, each once."""
    words = _WORD.findall(apart(text.casefold()))
    return list(dict.fromkeys(word for word in words if word not in _COMMON))


def mentions(text: str, word: str) -> bool:
    """Tell whether a text has a word: as a whole word (or its plural), or anywhere in Chinese."""
    if _HAN.search(word) or " " in word:
        return word in text.casefold()
    return bool({word, word + "s"} & set(_WORD.findall(text.casefold())))


def order_in(text: str) -> str | None:
    """Return the order number in a text as the shop writes it."""
    found = _ORDER.search(text)
    return f"K-{found[1]}" if found else None


def amount_in(text: str) -> float | None:
    """Return the sum of money in a text."""
    found = _AMOUNT.search(text)
    return float((found[1] or found[2]).replace(",", ".")) if found else None
