"""Records that are made by their slots: they behave as the frozen dataclasses that they are."""

import copy
import dataclasses
import inspect
import pickle

import pytest

from convotrace.model import Change, Document, Request, SessionFacts, Span, Trace, Usage
from convotrace.quick import quick

RECORDS = (Span, Trace, Usage, Document, Request, SessionFacts, Change)


def frozen(kind):
    """Return the same record with the constructor that dataclasses would give it."""
    fields = [(f.name, f.type, dataclasses.field(**_defaults(f))) for f in dataclasses.fields(kind)]
    return dataclasses.make_dataclass(kind.__name__, fields, frozen=True, slots=True)


def _defaults(field):
    found = {"default": field.default, "default_factory": field.default_factory}
    return {name: value for name, value in found.items() if value is not dataclasses.MISSING}


def needed(kind):
    return [f"<{f.name}>" for f in dataclasses.fields(kind) if _defaults(f) == {}]


@pytest.mark.parametrize("kind", RECORDS)
def test_it_takes_the_same_arguments_and_holds_the_same_values_as_a_slow_one(kind):
    slow = frozen(kind)
    assert list(inspect.signature(kind).parameters) == list(inspect.signature(slow).parameters)
    assert dataclasses.asdict(kind(*needed(kind))) == dataclasses.asdict(slow(*needed(kind)))
    named = {f.name: f"<{f.name}>" for f in dataclasses.fields(kind)}
    assert dataclasses.astuple(kind(**named)) == tuple(named.values())


@pytest.mark.parametrize("kind", RECORDS)
def test_it_is_frozen_from_its_first_moment_on(kind):
    made = kind(*needed(kind))
    assert type(made) is kind
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(kind)[0].name, "other")


@pytest.mark.parametrize("kind", RECORDS)
def test_its_copies_are_equal(kind):
    made = kind(*needed(kind))
    assert copy.copy(made) == pickle.loads(pickle.dumps(made)) == dataclasses.replace(made) == made


def test_each_gets_a_default_of_its_own():
    first, second = Span("a", "t", "n"), Span("b", "t", "n")
    assert first.attributes == {} and first.attributes is not second.attributes


def test_what_is_missing_or_unknown_is_refused():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Span("a", "t")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nam'"):
        Span("a", "t", nam="n")


def test_none_is_no_missing_argument():
    @quick
    @dataclasses.dataclass(frozen=True, slots=True)
    class Pair:
        left: object
        right: object = dataclasses.field(default_factory=list)

    assert Pair(1, None).right is None
