"""Copies of user values: JSON types only, taken at once, bounded, and nothing raises."""

import dataclasses
import datetime as dt
import enum
import json
import math
import threading
import uuid
from collections import OrderedDict, UserDict
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.recorder import plain, text_of
from convotrace.recorder.values import MAX_NODES, MAX_REPR, MAX_TEXT
from tests.patience import PATIENCE


class Colour(enum.Enum):
    RED = "red"


class Word(str):
    def __str__(self):
        return "other"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    tags: list


class Model:
    def model_dump(self):
        return {"id": uuid.UUID(int=1)}


class Endless(UserDict):
    def items(self):
        while True:
            yield 1, 1


class Raises:
    def __repr__(self):
        raise RuntimeError("no")


class Exits(Raises):
    def __repr__(self):
        raise GeneratorExit


class Unbound:
    @property
    def __class__(self):
        raise RuntimeError("outside of its context")


class Broken(UserDict):
    def items(self):
        yield "a", 1
        raise LookupError


class ItsOwnDump:
    def model_dump(self):
        return [self]


VALUES = [
    (None, None), (True, True), (3, 3), (1.5, 1.5), ("text", "text"), ("", ""),
    ((1, 2), [1, 2]), ([{"a": (1,)}], [{"a": [1]}]), ({1}, [1]), (frozenset(), []),
    ({1: "a", None: "b"}, {"1": "a", "None": "b"}), (OrderedDict(a=1), {"a": 1}), (UserDict(a=1), {"a": 1}),
    ({Colour.RED: 1, Word("w"): 2}, {"red": 1, "w": 2}),
    (Colour.RED, "red"), (Level.HIGH, 3), (Word("word"), "word"),
    (Point(1, [dt.date(2026, 1, 2)]), {"x": 1, "tags": ["2026-01-02"]}), (Model(), {"id": str(uuid.UUID(int=1))}),
    (dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), "2026-01-02T03:00:00+00:00"), (dt.time(3, 4), "03:04:00"),
    (dt.timedelta(milliseconds=1500), 1.5), (Decimal("0.10"), "0.10"), (PurePosixPath("/a/b"), "/a/b"),
    (Fraction(1, 2), 0.5), (b"caf\xc3\xa9", "café"), (b"\xff", "\\xff"),
    (bytearray(b"x"), "x"),
    (memoryview(b"x"), "x"),    (10**20, "100000000000000000000"),
    (-(10**20), "-100000000000000000000"), (2**63, 2**63),
    (10**5000, f"<int of {(10**5000).bit_length()} bits>"),
    (SimpleNamespace(a=1), "namespace(a=1)"), (Raises, repr(Raises)), (range(3), "range(0, 3)"),
    (Raises(), "<Raises: RuntimeError>"), (Exits(), "<Exits: GeneratorExit>"),
    ([Raises(), 1], ["<Raises: RuntimeError>", 1]), (Broken(), {"a": 1, "[cut]": "LookupError"}),
]  # fmt: skip


@pytest.mark.parametrize(("value", "copy"), VALUES, ids=[str(number) for number in range(len(VALUES))])
def test_a_value_becomes_json(value, copy):
    assert plain(value) == copy and type(plain(value)) is type(copy)


def test_a_proxy_outside_its_context_is_shown_by_its_failure():
    assert plain({"user": Unbound()}) == {"user": "<Unbound: RuntimeError>"}


def test_not_a_number_and_the_infinities_stay_what_they_are():
    assert math.isnan(plain(float("nan"))) and plain([math.inf]) == [math.inf]


def test_what_the_app_changes_afterwards_does_not_change_the_copy():
    value = {"list": [1], "set": {1}, "bytes": bytearray(b"x")}
    copy = plain(value)
    value["list"].append(2)
    value["set"].add(2)
    value["bytes"] += b"y"
    value["new"] = 1
    assert copy == {"list": [1], "set": [1], "bytes": "x"}


def size(value):
    if isinstance(value, dict):
        return 1 + sum(map(size, value.values()))
    return 1 + sum(map(size, value)) if isinstance(value, list) else 1


MANY = {
    "numbers": [0] * 1_000_000,
    "lists": [[]] * 1_000_000,
    "a tree": [[list(range(1000))] * 100] * 100,
    "keys": dict.fromkeys(range(100_000), 1),
    "an endless mapping": Endless(),
}


@pytest.mark.parametrize("value", MANY.values(), ids=MANY)
def test_a_value_of_too_many_parts_is_cut_and_says_so(value):
    copy = plain(value)
    assert size(copy) <= 2 * MAX_NODES and "[cut" in json.dumps(copy)


def test_a_value_inside_itself_ends():
    circle = {}
    circle["self"] = [circle, Point(1, circle)]
    assert "[cut" in json.dumps(plain(circle))
    assert "[cut: too deep]" in json.dumps(plain(ItsOwnDump()))


def test_a_huge_text_is_cut_and_says_how_long_it_was():
    text = plain({"a": "x" * (MAX_TEXT + 1)})["a"]
    assert text.endswith(f"[cut: {MAX_TEXT + 1} characters]") and len(text) < MAX_TEXT + 50
    assert plain("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert len(plain("x" * (50 << 20))) < MAX_TEXT + 50


def test_bytes_and_reprs_are_cut():
    assert len(plain(b"x" * 100_000)) == MAX_REPR
    assert len(plain(SimpleNamespace(a="x" * 100_000))) == MAX_REPR


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_not_held_up(stop):
    class Stops:
        def __repr__(self):
            raise stop

    with pytest.raises(stop):
        plain([Stops()])


def is_json(value):
    if isinstance(value, dict):
        return type(value) is dict and all(type(k) is str and is_json(v) for k, v in value.items())
    if isinstance(value, list):
        return type(value) is list and all(map(is_json, value))
    return value is None or type(value) in (str, int, float, bool)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(), st.decimals(),
    st.fractions(), st.complex_numbers(), st.uuids(), st.datetimes(), st.timedeltas(), st.times(), st.dates(),
    st.sampled_from([Colour.RED, Level.HIGH, object, Raises, len, NotImplemented, ..., range(2), slice(1)]),
    st.builds(Raises), st.builds(Exits), st.builds(Broken), st.builds(Model), st.builds(Word, st.text()),
)  # fmt: skip
hashable = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(), st.uuids()
)
anything = st.recursive(
    scalars,
    lambda values: st.one_of(
        st.lists(values, max_size=4),
        st.lists(values, max_size=4).map(tuple),
        st.dictionaries(hashable, values, max_size=4),
        st.sets(hashable, max_size=3),
        st.builds(Point, values, values),
    ),
    max_leaves=10,
)


@given(anything)
def test_any_value_becomes_json_and_a_copy_of_a_copy_is_the_same(value):
    copy = plain(value)
    assert is_json(copy)
    assert json.dumps(plain(copy)) == json.dumps(copy)
    assert isinstance(text_of(value), str)


class Sleeps:
    asked, wake = 0, threading.Event()

    def __repr__(self):
        Sleeps.asked += 1
        self.wake.wait(PATIENCE)
        return "awake"


class Model:
    wake = threading.Event()

    def model_dump(self):
        self.wake.wait(PATIENCE)


@pytest.mark.parametrize("kind", [Sleeps, Model])
def test_an_object_that_takes_long_to_tell_holds_nobody_up_and_is_not_asked_again(kind, monkeypatch):
    """H2."""
    monkeypatch.setattr("convotrace.recorder.reprs.PATIENCE", 0.05)
    assert [plain(kind()) for _ in range(20)] == [f"<{kind.__name__}: takes too long to tell>"] * 20
    kind.wake.set()
    assert Sleeps.asked <= 1


def test_an_object_that_is_told_once_in_time_is_asked_again_and_again():
    class Order:
        def __init__(self, number):
            self.number = number

        def __repr__(self):
            return f"Order({self.number})"

    assert [plain(Order(number)) for number in range(3)] == ["Order(0)", "Order(1)", "Order(2)"]
