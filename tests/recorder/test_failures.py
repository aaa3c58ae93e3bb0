"""An exception in words: its type, message and stack, with its causes and the parts of a group; never raises."""

import pytest

from convotrace.recorder import failure_of


def raised(error, cause=None, context=None):
    try:
        try:
            if context is not None:
                raise context
        finally:
            if cause is None:
                raise error
            raise error from cause
    except BaseException as caught:
        return caught


class Odd(Exception):
    def __str__(self):
        raise RuntimeError


def test_a_type_of_python_stands_without_its_module_and_an_own_one_with_it():
    assert failure_of(ValueError("no")).type == "ValueError"
    assert failure_of(Odd()).type == f"{__name__}.Odd"


def test_an_exception_that_cannot_be_printed_says_so():
    assert failure_of(Odd()).message == "(no message: str() of the exception failed)"


def test_where_it_was_raised_stands_at_the_end_and_its_cause_before():
    stack = failure_of(raised(ValueError("no"), cause=raised(KeyError("first")))).stack
    assert stack.index("KeyError, then:\n") < stack.rindex('  File "') and stack.count("in raised") == 2
    assert "test_failures.py" in stack and failure_of(ValueError("never raised")).stack == ""


def test_what_it_was_raised_during_is_told_unless_that_was_suppressed():
    error = raised(ValueError("no"), context=KeyError("first"))
    assert "KeyError, then:\n" in failure_of(error).stack
    error.__suppress_context__ = True
    assert "KeyError" not in failure_of(error).stack


def test_the_parts_of_a_group_are_told_each_with_its_stack_however_deep():
    inner = ExceptionGroup("inner", [raised(KeyError("a"))])
    failure = failure_of(ExceptionGroup("outer", [inner, raised(ValueError("b"))]))
    lines = failure.stack.splitlines()
    assert failure.type == "ExceptionGroup" and failure.message.startswith("outer (2 sub-exceptions)")
    assert lines[0] == "  + ExceptionGroup: inner (1 sub-exception)"
    assert lines[1] == "  |   + KeyError: 'a'" and lines[2].startswith("  |   |   File ")
    assert "  + ValueError: b" in lines and lines[-1].startswith("  |   File ")


def test_a_circle_of_causes_and_an_exception_in_two_groups_are_told_once():
    one, other = ValueError("one"), KeyError("other")
    one.__cause__, other.__cause__ = other, one
    assert failure_of(one).stack == "KeyError, then:\n"
    assert failure_of(ExceptionGroup("g", [other, other])).stack.count("KeyError: 'other'") == 1


@pytest.mark.parametrize("number", [9, 10, 50])
def test_of_very_many_exceptions_the_first_ten_are_told(number):
    stack = failure_of(ExceptionGroup("g", [ValueError(str(n)) for n in range(number)])).stack
    assert stack.count("  + ValueError: ") == 9 and "ValueError: 9" not in stack


def test_the_record_keeps_no_frame_alive():
    failure = failure_of(raised(ValueError("no")))
    assert all(isinstance(part, str) for part in (failure.type, failure.message, failure.stack))


def test_an_exception_that_says_it_is_nothing_is_a_cause_all_the_same():
    class Empty(ValueError):
        def __len__(self):
            return 0

    class Unsure(ValueError):
        def __bool__(self):
            raise RuntimeError

    for cause in (Empty("first"), Unsure("first")):
        assert f"{type(cause).__name__}, then:" in failure_of(raised(KeyError("no"), cause=cause)).stack
