"""The table of faults names tests that are there, and every case has one."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NUMBERS = {"T": 15, "P": 7, "S": 11, "L": 5, "C": 4, "H": 10, "W": 10}


def cases():
    tree = ast.parse((Path(__file__).parent / "cases.py").read_text())
    return next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))


@pytest.mark.parametrize("case", sorted(cases()))
def test_the_tests_of_a_case_are_there(case):
    for named in cases()[case].split():
        file, function = named.split("::")
        text = (TESTS / f"{file}.py").read_text()
        assert re.search(rf"^(?:async )?def {function}\(", text, re.MULTILINE), named


def test_no_case_is_missing():
    assert {name.split()[0] for name in cases()} == {f"{kind}{n + 1}" for kind in NUMBERS for n in range(NUMBERS[kind])}
