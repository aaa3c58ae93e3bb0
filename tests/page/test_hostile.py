"""What people and models wrote is text, wherever it stands: no element and no attribute of a page comes from it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest

from convotrace.page.markdown import rendered
from convotrace.page.visible import visible

PROBE = """<script>x</script>"><img src=x onerror=1>'{{7*7}}</textarea></title>--><svg onload=1>"""
HARMLESS = "w" * len(PROBE)


class Skeleton(HTMLParser):
    """The elements of a page with the names of their attributes, and its addresses."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.texts: dict[str, str] = {}
        self.text = ""
        self._open = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")]

    def handle_data(self, data: str) -> None:
        self.text += data
        self.texts[self._open] = self.texts.get(self._open, "") + data


_NUMBERS = [("/dashboard", ""), ("/dashboard", "by=tag"), ("/flow", "steps=turn:1&at=step:1"), ("/arms", "a=x&b=y")]


def _pages(conversation):
    key = conversation.session.key
    turn = f"/s/{key}/t/{'a' * 32}"
    spans = [(turn, f"span={number * 16}") for number in "12345"]
    zooms = [(f"/s/{key}", "zoom=cards"), (f"/s/{key}", "zoom=waterfall")]
    later = f"/s/{key}/t/{'b' * 32}"
    of_lists = [("/compare", f"s={key}&s={key}"), ("/", ""), ("/rows", ""), ("/beside", ""), ("/", "q=no")]
    closely = [(turn, ""), *spans, (later, ""), (turn, "only=path"), (f"{turn}/diff", ""), (f"{later}/diff", "")]
    return [*of_lists, (f"/s/{key}", ""), *closely, *zooms, (f"/s/{key}/t/{'c' * 32}", ""), ("/health", ""), *_NUMBERS]


def _skeletons(ask, new_house, conversation, text):
    house = new_house([conversation], service=text, environment=text, release=text)
    house.state |= {"warnings": [text], "last_error": text, text: text, "store": {text: text}}
    house.state["dropped"] = {text: {text: 2}}
    answers = [ask(house, path, query=query) for path, query in _pages(conversation)]
    assert [answer.status for answer in answers] == [200] * len(answers)
    return [Skeleton(answer.body) for answer in answers]


@pytest.fixture
def pages(ask, new_house, seed):
    """Return the skeletons of every page of a conversation that holds one text everywhere."""
    return lambda text: _skeletons(ask, new_house, seed(text), text)


@pytest.mark.parametrize("times", [1, 9], ids=["short", "long"])
def test_a_script_in_any_text_changes_no_element_and_no_attribute_of_any_page(pages, times):
    hostile, harmless = ("\n\n".join([text] * times) for text in (PROBE, HARMLESS))
    for one, other in zip(pages(hostile), pages(harmless), strict=True):
        assert one.elements == other.elements


def test_a_megabyte_in_every_field_is_a_page_of_a_few_that_says_what_it_leaves_out(ask, new_house, seed):
    house = new_house([seed("x" * 1_000_000)])
    for query in ("", "zoom=cards", "zoom=waterfall"):
        page = ask(house, f"/s/{house.shelf.conversations[0].session.key}", query=query).body
        assert len(page) < 10_000_000
    assert "934,464 more characters" in page.decode()


def test_every_hostile_text_is_still_there_to_be_read(pages):
    for page in pages(PROBE)[5:7]:
        assert PROBE in page.text


def test_no_page_has_inline_script_style_or_handler(pages):
    for page in pages(PROBE):
        assert "style" not in page.texts
        assert page.texts.get("script", "").strip() == ""
        for tag, attributes in page.elements:
            assert tag not in ("style", "iframe", "object", "embed", "base")
            # Pictures are those of attachments: their addresses stay under the mount, as the next test holds.
            assert tag != "img" or attributes == ("src", "alt", "loading", "decoding")
            assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_every_address_is_relative_and_stays_under_the_mount(pages):
    for page in pages("words"):
        assert page.addresses
        for address in page.addresses:
            assert not re.match(r"[a-z]+:|/|\\", address), address


def test_the_filter_text_is_shown_back_as_text(ask, new_house, conversation):
    for wrap, plain in (('"{}"', '"zzz"'), ("usr:{}", "usr:zzz")):
        text = wrap.format(PROBE.replace('"', '\\"'))
        page = Skeleton(ask(new_house([conversation]), "/", query=urlencode({"q": text, "order": "-cost"})).body)
        other = Skeleton(ask(new_house([conversation]), "/", query=urlencode({"q": plain, "order": "-cost"})).body)
        assert page.elements == other.elements


@pytest.mark.parametrize(
    "text", ["\x00\x01\x1b[31m", "lone \ud800 surrogate", "‮evil‬", "a" * 40_000, "\u202e" * 50, "{% raw %}{{ x }}"]
)
def test_no_text_breaks_a_page(pages, text):
    for page in pages(text):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", page.text)


def test_unseen_characters_are_escapes_in_raw_views(ask, new_house, seed):
    conversation = seed("a\u202eb\u200bc\x1bd")
    page = ask(new_house([conversation]), f"/s/{conversation.session.key}/t/{'a' * 32}").body.decode()
    raw = page[page.index("Message, raw") :]
    assert r"a\u202eb\u200bc\x1bd" in raw


def test_every_unseen_character_is_escaped_and_the_seen_ones_stay():
    assert visible("a\tb\nc é 漢 🙂 \r\x7f\x85\xad\u2028\ufeff\ud83d\U000e0041") == (
        "a\tb\nc é 漢 🙂 \\x0d\\x7f\\x85\\xad\\u2028\\ufeff\\ud83d\\U000e0041"
    )


@pytest.mark.parametrize(
    "source",
    [
        "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](data:text/html,x)", "[a](vbscript:x)",
        "[a](/admin)",
        "[a](//evil.example)", "[a](s/x)", "[a]: javascript:x\n\n[a]", "<javascript:alert(1)>",
        "[a](&#106;avascript:x)",
        "[a](\tjavascript:x)", "[a](file:///etc/passwd)",
    ],
)  # fmt: skip
def test_only_web_and_mail_addresses_become_links(source):
    assert "<a " not in rendered(source)[0]


@pytest.mark.parametrize("address", ["https://example.org/x?a=1&b=2", "http://example.org", "mailto:ann@example.org"])
def test_a_link_opens_elsewhere_tells_nothing_and_shows_its_host(address):
    html = rendered(f"[words]({address})")[0]
    assert 'target="_blank" rel="noopener noreferrer nofollow"' in html
    assert ("example.org</span>" in html) == address.startswith("http")


@pytest.mark.parametrize(
    "source",
    [
        "![a](https://evil.example/p?q=1)",
        "![a][x]\n\n[x]: https://evil.example/",
        "[![a](https://evil.example/i)](https://ok.example)",
    ],
)
def test_an_image_is_named_and_never_fetched(source):
    html = rendered(source)[0]
    assert "<img" not in html
    assert "src=" not in html
    assert "image: evil.example" in html


def test_html_and_fence_names_of_a_model_are_text():
    html = rendered('<b onclick=x>hi</b>\n\n```js"><script>\ncode\n```\n\n<!-- x -->')[0]
    assert set(re.findall(r"<(/?\w+)([^>]*)>", html)) <= {(t, "") for t in ("p", "/p", "pre", "/pre", "code", "/code")}


def test_markdown_reads_as_written():
    html = rendered("**Total**\nnext line\n\n1. one\n   - two\n\n|a|b|\n|-|-:|\n|1|2|\n\n`x` ~~y~~")[0]
    for part in ("<strong>Total</strong><br>", "<ol>", "<ul>", "<td>1</td>", "<code>x</code>", "<s>y</s>"):
        assert part in html
    assert "style" not in html


@pytest.mark.parametrize(
    ("text", "why"),
    [("x" * 33_000, "32 kB"), ("漢" * 11_000, "32 kB"), ("> " * 60 + "deep", "deep"), ("![" * 1500, "marks"),
     ("\n".join("  " * depth + "- item" for depth in range(60)), "deep")],
)  # fmt: skip
def test_what_is_too_much_for_markdown_is_whole_as_plain_text_with_a_notice(text, why):
    html, notice = rendered(text)
    assert why in notice
    assert text.replace(">", "&gt;") in html
