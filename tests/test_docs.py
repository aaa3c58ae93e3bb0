"""The README cannot rot: every option and exported name stands in it, and its Python parses."""

import ast
import re
from pathlib import Path

import pytest

import convotrace
from convotrace.settings import Settings, option_names

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("name", option_names())
def test_every_option_is_documented(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [n for n in convotrace.__all__ if not n.endswith("Error")])
def test_every_exported_name_is_documented(name):
    assert re.search(rf"\b{name}\b", README)


@pytest.mark.parametrize("name", convotrace.__all__)
def test_every_exported_name_exists_and_says_what_it_is(name):
    assert getattr(convotrace, name).__doc__


@pytest.mark.parametrize("block", BLOCKS)
def test_every_python_block_parses(block):
    ast.parse(block)


@pytest.mark.parametrize(("name", "shown"), re.findall(r"^\| `(\w+)` \| `?([^|`]+)`? \|", README, re.MULTILINE))
def test_a_default_in_the_table_is_the_default(name, shown):
    default = getattr(Settings, name)
    if isinstance(default, (bool, str)) or default is None:
        assert shown.strip().strip('"') == str(default)
