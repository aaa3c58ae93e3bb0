"""README and docs cannot rot: every option and exported name stands there, links lead somewhere, Python parses."""

import ast
import re
from pathlib import Path

import pytest

import convotrace
from convotrace.settings import Settings, option_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = "\n".join(page.read_text() for page in PAGES)
BLOCKS = re.findall(r"```python\n(.*?)```", ALL, re.DOTALL)
LINKS = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s:]+)\)", page.read_text())]


@pytest.mark.parametrize("name", option_names())
def test_every_option_is_documented(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", [n for n in convotrace.__all__ if not n.endswith("Error")])
def test_every_exported_name_is_documented(name):
    assert re.search(rf"\b{name}\b", ALL)


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_every_link_leads_to_a_page_and_a_heading(page, link):
    name, _, anchor = link.partition("#")
    there = (page.parent / name).resolve() if name else page
    assert there.exists()
    assert not anchor or anchor in _anchors(there.read_text())


def _anchors(text):
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


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
