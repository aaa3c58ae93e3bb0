"""Records that are defined and made quickly: they behave as the frozen dataclasses that they stand for."""

import copy
import dataclasses
import inspect
import pickle
import typing

import pytest

from convotrace import model
from convotrace.model import Attachment, Change, Document, Request, Session, SessionFacts, Span, Tally, Trace, Usage
from convotrace.quick import record

RECORDS = (Span, Trace, Usage, Document, Request, SessionFacts, Change, Session, Attachment, Tally)


def frozen(kind):
    """Return the same record as dataclasses would make it."""
    fields = [(f.name, f.type, dataclasses.field(repr=f.repr, **_defaults(f))) for f in dataclasses.fields(kind)]
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
def test_it_shows_and_compares_as_a_slow_one_does(kind):
    slow, made = frozen(kind), kind(*needed(kind))
    assert repr(made) == repr(slow(*needed(kind)))
    first = dataclasses.fields(kind)[0].name
    assert made == kind(*needed(kind)) and made != dataclasses.replace(made, **{first: "other"})
    assert made != slow(*needed(kind)) and made != 1


@pytest.mark.parametrize("kind", RECORDS)
def test_it_is_frozen_from_its_first_moment_on(kind):
    made = kind(*needed(kind))
    assert type(made) is kind
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(kind)[0].name, "other")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(made, dataclasses.fields(kind)[0].name)
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize("kind", RECORDS)
def test_its_copies_are_equal(kind):
    made = kind(*needed(kind))
    assert copy.copy(made) == pickle.loads(pickle.dumps(made)) == dataclasses.replace(made) == made


@pytest.mark.parametrize("kind", RECORDS)
def test_its_types_can_be_read(kind):
    own = typing.get_type_hints(kind)
    assert typing.get_type_hints(kind.__init__) == own | {"return": type(None)}
    assert list(own) == [field.name for field in dataclasses.fields(kind)]


def test_records_of_equal_values_have_one_hash():
    assert len({Usage(1, 2), Usage(1, 2), Usage(2, 1)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Document(metadata={}))


def test_each_gets_a_default_of_its_own():
    first, second = Span("a", "t", "n"), Span("b", "t", "n")
    assert first.attributes == {} and first.attributes is not second.attributes


def test_what_is_missing_or_unknown_is_refused():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        Span("a", "t")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nam'"):
        Span("a", "t", nam="n")


def test_none_is_no_missing_argument():
    @record(frozen=True, slots=True)
    class Pair:
        left: object
        right: object = dataclasses.field(default_factory=list)

    assert Pair(1, None).right is None


def test_every_name_of_the_model_is_found_where_it_says_it_is():
    assert set(model.__all__) == set(model._FILES)
    for name in model.__all__:
        assert getattr(model, name) is not None or name == "Json"
    with pytest.raises(AttributeError, match="has no attribute 'Sesion'"):
        _ = model.Sesion
