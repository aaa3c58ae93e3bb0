"""What can be computed of how the pages look: contrast of the tokens, and weight on the wire."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from convotrace.page.assets import assets

STATIC = Path(__file__).parents[2] / "convotrace" / "page" / "static"

GROUNDS = ("surface", "bg", "sunken", "hover", "sel")
TEXTS = ("ink", "ink2", "ink3", "accent", "err", "warn", "ok", "gen", "ret", "tool", "ctl", "jdg")
FILLS = ("gen-fill", "ret-fill", "tool-fill", "ctl-fill", "jdg-fill", "err-fill", "bar-fill", "edge")


def _css() -> str:
    return "".join((STATIC / name).read_text() for name in ("app.css", "list.css", "session.css"))


def _tokens(theme: int) -> dict[str, str]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", _css())
    return {name: colours[theme] for name, *colours in pairs}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_colour_can_be_read_on_every_ground_and_on_its_own_tint(theme):
    tokens = _tokens(theme)
    for text in TEXTS:
        for ground in (*GROUNDS, f"{text}-bg"):
            if ground in tokens:
                assert _contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
    assert _contrast(tokens["on-accent"], tokens["accent"]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_bar_and_input_outline_stands_out(theme):
    tokens = _tokens(theme)
    for fill in FILLS:
        assert _contrast(tokens[fill], tokens["surface"]) >= 3, fill


def test_every_token_that_is_used_is_defined_and_no_colour_stands_outside_the_tokens():
    css = _css()
    defined = set(re.findall(r"(--[\w-]+):", css))
    assert set(re.findall(r"var\((--[\w-]+)", css)) <= defined
    rules = css[css.index("*, ::before") :]
    assert [c for c in re.findall(r"#[0-9a-fA-F]{3,8}\b", rules) if c != "#0006"] == []


def test_list_and_session_weigh_at_most_thirty_kilobytes(ask, new_house, seed):
    words = "I would like to change my booking of {0} to a later day, and pay the rest with card {0}."
    house = new_house([seed(words.format(number)) for number in range(50)])
    for path in ("/", f"/s/{house.shelf.conversations[0].session.key}"):
        page = ask(house, path)
        assert page.status == 200
        assert len(gzip.compress(page.body, 9)) + _files_of(page.body.decode()) <= 30_000


def _files_of(page: str) -> int:
    """Return the bytes of the files that a page names, and of the modules that those import."""
    wanted = re.findall(r'(?:href|src)="[^"]*/static/[0-9a-f]+/([\w.-]+)"', page)
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        imported = re.findall(r'from "\./([\w.-]+)"', assets()[name].body.decode())
        wanted += [other for other in imported if other not in found]
    assert len(found) > 5
    return sum(len(assets()[name].packed) for name in found)


def test_scripts_never_make_markup_from_strings():
    forbidden = rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
    for name, asset in assets().items():
        assert not re.search(forbidden, asset.body), name
