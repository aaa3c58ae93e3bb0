"""How far people agree who judged the same things: their means, and kappa, which takes out what chance explains.

Two raters: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20
(1960) 37-46. More: J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76
(1971) 378-382. Both for values as names: 3 and 4 differ as much as 1 and 4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from convotrace.model import Json

Given = tuple[Hashable, str, Hashable]
"""What was judged, by whom, and the value."""


@dataclass(frozen=True)
class Rater:
    """One of those who judged."""

    name: str
    count: int
    mean: float | None
    """Of the values that are numbers, yes as 1; None where there are none."""


@dataclass(frozen=True)
class Agreement:
    """What several people's scores of one name come to."""

    raters: tuple[Rater, ...]
    mean: float | None
    count: int
    shared: int
    """How many things more than one of them judged; kappa is of these."""
    kappa: float | None
    """1 for full agreement, 0 for that of chance; None where nothing is shared."""
    method: str | None
    """`cohen` for two raters, `fleiss` for more."""

    @property
    def words(self) -> str:
        """Return what the number is called."""
        return {"cohen": "Cohen's kappa", "fleiss": "Fleiss' kappa"}.get(self.method or "", "")

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        people: list[Json] = [{"author": one.name, "count": one.count, "mean": one.mean} for one in self.raters]
        return {"raters": people, "mean": self.mean, "count": self.count, "shared": self.shared, "kappa": self.kappa,
                "method": self.method}  # fmt: skip


def agreement(given: Iterable[Given]) -> Agreement:
    """Return means and kappa of judgements.

    Args:
        given: One for each rater and thing; of several the last counts.
    """
    kept = {(thing, who): value for thing, who, value in given}
    by_rater: dict[str, list[Hashable]] = defaultdict(list)
    by_thing: dict[Hashable, dict[str, Hashable]] = defaultdict(dict)
    for (thing, who), value in kept.items():
        by_rater[who].append(value)
        by_thing[thing][who] = value
    shared = [values for values in by_thing.values() if len(values) > 1]
    raters = tuple(Rater(who, len(values), _mean(values)) for who, values in sorted(by_rater.items()))
    kappa, method = _kappa(shared)
    return Agreement(raters, _mean(kept.values()), len(kept), len(shared), kappa, method)


def _kappa(shared: Sequence[dict[str, Hashable]]) -> tuple[float | None, str | None]:
    people = {who for values in shared for who in values}
    if len(people) == 2:
        first, second = sorted(people)
        return cohen_kappa([(values[first], values[second]) for values in shared]), "cohen"
    # Fleiss asks for as many raters of each thing; the things with the usual number are taken.
    sizes = Counter(len(values) for values in shared)
    usual = sizes.most_common(1)[0][0] if sizes else 0
    tables = [list(values.values()) for values in shared if len(values) == usual]
    return (fleiss_kappa(tables), "fleiss") if tables else (None, None)


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return the agreement of two raters beyond chance, None for no pairs.

    Args:
        pairs: What each of the two said of one thing.
    """
    if not pairs:
        return None
    seen = sum(one == other for one, other in pairs) / len(pairs)
    firsts, seconds = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    by_chance = sum(firsts[value] * seconds[value] for value in firsts) / len(pairs) ** 2
    return _beyond(seen, by_chance)


def fleiss_kappa(tables: Sequence[Sequence[Hashable]]) -> float | None:
    """Return the agreement of several raters beyond chance, None for nothing.

    Args:
        tables: Of each thing the values it was given, as many of each.
    """
    if not tables:
        return None
    raters = len(tables[0])
    counts = [Counter(values) for values in tables]
    seen = sum(sum(n * (n - 1) for n in one.values()) for one in counts) / (len(tables) * raters * (raters - 1))
    shares = sum(counts, Counter())
    by_chance = sum((n / (len(tables) * raters)) ** 2 for n in shares.values())
    return _beyond(seen, by_chance)


def _beyond(seen: float, by_chance: float) -> float:
    # Where all gave one value throughout, chance explains all of it, and they agree.
    return 1.0 if by_chance >= 1 else (seen - by_chance) / (1 - by_chance)


def _mean(values: Iterable[Hashable]) -> float | None:
    numbers = [float(value) for value in values if isinstance(value, (int, float))]
    return sum(numbers) / len(numbers) if numbers else None
