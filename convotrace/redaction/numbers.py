"""Numbers that lead to a person: payment cards, bank accounts, phones, addresses of machines, each checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import chain

Span = tuple[int, int]

_CARD = re.compile(r"(?<![0-9A-Za-z])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")
_CARD_APART = re.compile(r"(?<![0-9A-Za-z])[2-6][0-9]{3}(?:(?:[ ._+/-]{1,3}|%20)[0-9]{4}){3}(?![0-9A-Za-z])")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=[ ]?[A-Za-z0-9]{4})")
_IBAN_REST = re.compile(r"(?:[ -]?[A-Za-z0-9])*")
_PHONE = re.compile(
    r"(?:(?<![0-9A-Za-z.,:/_+-])(?:\+|\()?|(?<![0-9+])\+)[0-9]"
    r"(?:[0-9]|[ ./()-](?=[0-9(])|\)[ ]?(?=[0-9])|[ ]\((?=[0-9])){5,22}"
    r"(?![0-9A-Za-z_]|[-.,:/][0-9])"
)
_IP4 = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])")
_IP6 = re.compile(
    r"(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:(?:\.[0-9]{1,3}){3})?(?![0-9A-Za-z:.])"
)
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-./ ](?:0?[1-9]|1[0-2])[-./ ][0-3]?[0-9]|[0-3]?[0-9][./-][01]?[0-9][./-](?:19|20)[0-9]{2}"
)
_MOBILE_CN = re.compile(r"1[3-9][0-9]{9}")

# Of the countries that have one; where a country is not here, any length of 15 to 34 will do.
_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "PT",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT",
}
_IBAN_LENGTHS = {country: length for length, some in _IBAN_COUNTRIES.items() for country in some.split()}
_LONGEST_IBAN = 42
_VALUES = {letter: str(int(letter, 36)) for letter in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


MOST_TRIED = 5_000
"""Places that may be looked at closely in one text."""


class Costly(Exception):
    """A text takes too long: nothing of it is kept."""


def cards(text: str) -> Iterator[Span]:
    """Yield where payment cards stand: 13 to 19 digits of a known range with a right check digit."""
    for found in chain(_CARD.finditer(text), _CARD_APART.finditer(text)):
        digits = only_digits(found[0].replace("%20", ""))
        # A longer number may begin with one: no check digit is right by chance in ten cases out of a hundred.
        if 13 <= len(digits) <= 19 and is_luhn(digits):
            yield found.span()


def is_luhn(digits: str) -> bool:
    """Tell whether the last digit checks the others, by Luhn's rule."""
    total = sum(map(int, digits[-1::-2])) + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return total % 10 == 0


def ibans(text: str) -> Iterator[Span]:
    """Yield where international bank account numbers stand: of their country's length, with a right remainder."""
    at = 0
    for _ in range(MOST_TRIED):
        found = _IBAN.search(text, at)
        if found is None:
            return
        at = found.end()
        rest = _IBAN_REST.match(text, found.end(), found.start() + _LONGEST_IBAN)
        end = found.start() if rest is None else _end_of_iban(text, found.start(), rest.end())
        if end > found.start():
            yield found.start(), end
            at = end
    raise Costly


def _end_of_iban(text: str, start: int, most: int) -> int:
    plain = text[start:most].replace(" ", "").replace("-", "")
    known = _IBAN_LENGTHS.get(plain[:2].upper())
    for length in (known,) if known else range(min(34, len(plain)), 14, -1):
        if len(plain) >= length and is_iban(plain[:length]):
            return _after(text, start, length)
    return start


def _after(text: str, start: int, length: int) -> int:
    """Return where so many letters and digits end, the start where a word goes on behind them."""
    end, seen = start, 0
    while seen < length:
        seen += text[end].isalnum()
        end += 1
    after = text[end : end + 1]
    return start if after.isascii() and after.isalnum() else end


def is_iban(text: str) -> bool:
    """Tell whether the remainder of a bank account number is right."""
    plain = text.replace(" ", "").upper()
    return plain.isascii() and int("".join([_VALUES[letter] for letter in plain[4:] + plain[:4]])) % 97 == 1


def phones(text: str) -> Iterator[Span]:
    """Yield where phone numbers stand: with a country's or a trunk's prefix, or in the groups that people write."""
    for found in _PHONE.finditer(text):
        if _is_phone(found[0]):
            yield found.span()


def _is_phone(text: str) -> bool:
    digits = only_digits(text)
    if not 7 <= len(digits) <= 15 or _DATE.match(text):
        return False
    if text.startswith("+") or digits.startswith("00"):
        return len(digits) >= 8
    groups = [part for part in re.split(r"[^0-9]+", text) if part]
    if len(groups) == 1:
        return (digits.startswith("0") and 9 <= len(digits) <= 12) or bool(_MOBILE_CN.fullmatch(digits))
    if digits.startswith("0") or text.startswith("("):
        return len(digits) >= 7
    if (
        " " in text
        and text.replace(" ", "").isdigit()
        and len(groups[0]) < 4
        and {len(one) for one in groups[1:]} == {3}
    ):
        return False  # 1 234 567: a number, as it is written where a space stands between thousands
    # 555-123-4567, 555-0134, 1 800 555 0199: groups as people write them, and no list of small numbers.
    return len(digits) in (7, 10, 11) and len(groups) <= 4 and all(len(part) >= 3 for part in groups[-2:])


def addresses(text: str) -> Iterator[Span]:
    """Yield where addresses of machines stand, but for those that mean this machine."""
    for pattern, mark in ((_IP4, "."), (_IP6, ":")):
        for found in pattern.finditer(text) if mark in text else ():
            if _is_address(found[0]):
                yield found.span()


def _is_address(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def only_digits(text: str) -> str:
    """Return the digits of a text."""
    return "".join(filter(str.isdigit, text))
