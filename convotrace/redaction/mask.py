"""Puts marks or pseudonyms in the place of what the options say must not be stored, and counts it by kind.

One for each store and thread. Where the texts stand in records: `records`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any

from convotrace.redaction import own
from convotrace.redaction.escapes import BEFORE_A_WORD, Span, is_odd, places, said
from convotrace.redaction.fields import flat
from convotrace.redaction.numbers import Costly, only_digits
from convotrace.redaction.patterns import EMAIL, NEVER_NAMED, PRESETS, TYPED, USER, Finder, finders
from convotrace.redaction.seen import Seen

FIELD, OWN, FAILED = "field", "own", "own (failed)"
"""Kinds beside the presets: of `redact_fields`, of the owner's patterns and functions, and where those failed."""
PSEUDONYM = "pseudonym"
_SHORTEST = 5
"""Nothing that is looked for is shorter."""
_MOST = 5_000
"""Places in one text; behind more of them nothing of it is kept."""
_SIZE = 6
_IDS_REMEMBERED = 2_000
_PSEUDONYM = re.compile(rf"{USER}_[0-9a-f]{{{2 * _SIZE}}}")
_WITHHELD = "[redacted: the rest of this text]"

Function = Callable[[str], str | None]


class Mask:
    """Cleans texts.

    Args:
        redact: Names of presets, compiled patterns and functions, as the options say.
        fields: Names of fields whose values are never kept, in any case.
        pseudonyms: Whether equal values stay equal, under a name that does not tell them.
        key: The store's key for pseudonyms.
    """

    def __init__(
        self, redact: Any = (), fields: Iterable[str] = (), pseudonyms: bool = False, key: bytes = b""
    ) -> None:
        given = listed(redact)
        kinds = [one for one in given if isinstance(one, str)]
        self.counts: Counter[str] = Counter()
        self.masks_users = USER in kinds or "all" in kinds
        self.fields = frozenset(flat(name) for name in fields)
        self._finders = finders(kinds)
        self._patterns = tuple(one for one in given if isinstance(one, re.Pattern))
        self._functions: tuple[Function, ...] = tuple(
            one for one in given if callable(one) and not isinstance(one, (str, re.Pattern))
        )
        self._types = any(finder.typed for finder in self._finders)
        self._looks_at_all = bool(self._patterns or self._functions or self.fields)
        self._pseudonyms = pseudonyms
        self._key = key[:64]
        self._names: dict[str, re.Pattern[str]] = {}
        self._clean_ids: set[str] = set()
        self._seen = Seen(self._key)
        self.harmless: set[str] = set()
        """Names of fields in which nothing was found; kept by who looks through records."""

    @property
    def is_idle(self) -> bool:
        """Tell whether there is nothing to look for."""
        return not (self._finders or self._looks_at_all or self.masks_users)

    def is_clean(self, texts: Sequence[str]) -> bool:
        """Tell at little cost whether nothing in these texts has to be looked at more closely."""
        if self._looks_at_all:
            return False
        new, names = self._seen.apart(texts)
        joined = "\n".join(new)
        if self._types and ("\\u" in joined or is_odd(joined)):
            joined = f"{joined}\n{said(joined, typed=True)}"
        elif "\\u00" in joined:  # other escapes hide no letter of a secret
            joined = f"{joined}\n{said(joined)}"
        if any(finder.may_be_in_any(joined) for finder in self._finders):
            return False
        self._seen.add(names)
        return True

    def text(self, text: str, pseudonyms: bool = False) -> str:
        """Return a text without what must not be stored; with pseudonyms where the options or the caller say so."""
        cleaned = self._without_found(text, pseudonyms)
        return self._owned(cleaned, pseudonyms) if self._patterns or self._functions else cleaned

    def _without_found(self, text: str, pseudonyms: bool) -> str:
        """Return a text without what the finders find; a long one in which they find nothing is looked at once."""
        unknown, names = self._seen.apart([text])
        cleaned = text
        for finder in self._finders if unknown and len(text) >= _SHORTEST else ():
            if _may_find(finder, cleaned):
                try:
                    found = places(finder.find, cleaned, typed=finder.typed)
                    cleaned = self._put(cleaned, found, finder.kind, pseudonyms)
                except Costly:
                    return self._mark(finder.kind)
        if cleaned == text:
            self._seen.add(names)
        return cleaned

    def uncounted(self, text: str) -> str:
        """Return what `text` returns, of a text that is only compared with what was stored."""
        before = self.counts.copy()
        try:
            return self.text(text)
        finally:
            self.counts = before

    def number(self, number: int) -> int | str:
        """Return a whole number, or what takes its place where it is the number of a card."""
        if number < 10**12 or not any(finder.digits for finder in self._finders):
            return number
        text = str(number)
        cleaned = self.text(text)
        return number if cleaned == text else cleaned

    def field(self) -> str:
        """Return what stands for the value of a field that is never kept."""
        return self._mark(FIELD)

    def holds(self, name: str) -> bool:
        """Tell whether a field of this name is never kept."""
        return bool(self.fields) and flat(name) in self.fields

    def user(self, user_id: str) -> str:
        """Return the id of a user as it is stored; different users stay different, whatever the options say."""
        if _PSEUDONYM.fullmatch(user_id):
            return user_id  # it was stored before, and comes back with what is added to it
        if self.masks_users:
            self.counts[USER] += 1
            return self.pseudonym(USER, user_id)
        return self.id(user_id)

    def id(self, id: str) -> str:
        """Return an id as it is stored: in it always pseudonyms, since ids must tell what they name apart."""
        if id in self._clean_ids:  # those of sessions come again with each of their turns
            return id
        stored = self.text(id, pseudonyms=True)
        if stored == id and not self._looks_at_all:
            if len(self._clean_ids) >= _IDS_REMEMBERED:
                self._clean_ids.clear()
            self._clean_ids.add(id)
        return stored

    def without_user(self, text: str, user_id: str) -> str:
        """Return a text with the id of a user replaced, where it stands as a word."""
        if user_id not in text:
            return text
        known = self._names.get(user_id)
        if known is None:
            if len(self._names) > 1_000:
                self._names.clear()
            known = self._names[user_id] = re.compile(rf"{BEFORE_A_WORD}{re.escape(user_id)}(?!\w)")
        return known.sub(lambda _: self.user(user_id), text)

    def pseudonym(self, kind: str, value: str) -> str:
        """Return the name that a value has in this store: the same for equal values, and nobody can tell the value."""
        raw = f"{kind}\0{_normal(kind, value)}".encode("utf-8", "surrogatepass")
        return f"{kind}_{blake2b(raw, key=self._key, digest_size=_SIZE).hexdigest()}"

    def _put(self, text: str, found: Sequence[Span], kind: str, pseudonyms: bool) -> str:
        kept: list[str] = []
        at = 0
        for start, end in found[:_MOST]:
            kept += [text[at:start], self._mark(kind, text[start:end], pseudonyms)]
            at = end
        return "".join([*kept, _WITHHELD if len(found) > _MOST else text[at:]]) if found else text

    def _mark(self, kind: str, value: str | None = None, pseudonyms: bool = False) -> str:
        self.counts[kind] += 1
        if (self._pseudonyms or pseudonyms) and value is not None and kind not in NEVER_NAMED:
            return self.pseudonym(kind, said(value))
        return f"[redacted: {kind}]"

    def _owned(self, text: str, pseudonyms: bool) -> str:
        try:
            for pattern in self._patterns:
                text = self._put(text, places(partial(own.find, pattern), text, True), _kind_of(pattern), pseudonyms)
            for function in self._functions:
                text = self._called(function, text)
        except KeyboardInterrupt:
            raise
        except BaseException:  # what the owner's own cannot clean is not kept
            self.counts[FAILED] += 1
            return f"[redacted: {FAILED}]"
        return text

    def _called(self, function: Function, text: str) -> str:
        cleaned = function(text)
        if cleaned is None or cleaned == text:
            return text
        self.counts[OWN] += 1
        return str.__str__(cleaned)


def _may_find(finder: Finder, text: str) -> bool:
    if finder.may_find(text):
        return True
    hides = ("\\u" in text or is_odd(text)) if finder.typed else "\\u00" in text
    return hides and finder.may_find(said(text, finder.typed))


def listed(redact: Any) -> tuple[Any, ...]:
    """Return what the options say is to be redacted as a list: they take one thing, several, or None."""
    if redact is None or isinstance(redact, str):
        return (redact,) if redact else ()
    return tuple(redact)


def _kind_of(pattern: re.Pattern[str]) -> str:
    """Return the name of a pattern's first named group, by which it is told from others."""
    name = next(iter(pattern.groupindex), OWN)
    return OWN if name in PRESETS else name


def _normal(kind: str, value: str) -> str:
    """Return a value as others may have written it too."""
    value = said(value, typed=True) if kind in TYPED else value
    if kind == EMAIL:
        return value.replace("%40", "@").lower()
    if kind in ("card", "phone"):
        return only_digits(value)
    return "".join(value.split()).upper() if kind == "iban" else value
