"""A session as one HTML file: everything said stands in it, nothing in it runs or is fetched, whatever was said."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from convotrace.export.redacted import without_words
from convotrace.model import Conversation, Session
from convotrace.page.document import as_html
from convotrace.page.sealing import sealed

PROBE = (
    """<script>x</script>"><img src=http://evil.example/x.png onerror=1>'{{7*7}}</textarea></title>--><svg onload=1>"""
)
FORBIDDEN = {"script", "img", "iframe", "object", "embed", "form", "link", "base", "button", "video", "audio"}


class Look(HTMLParser):
    """The elements of a file with their attributes, its ids and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.ids, self.hrefs = [], "", set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.ids |= {value for name, value in attrs if name == "id"}
        self.hrefs += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", ["hello there", PROBE, "\ud800 地铁 \x00"])
def test_a_file_holds_what_was_said_and_can_do_nothing(seed, text):
    made = as_html(seed(text)).decode()
    look = Look(made)
    assert not {tag for tag, _ in look.elements} & FORBIDDEN
    assert not [
        name for _, attrs in look.elements for name in attrs if name.startswith("on") or name in ("src", "style")
    ]
    assert all(href.startswith("#") or href.startswith("https://") or href.startswith("http://") for href in look.hrefs)
    assert {href[1:] for href in look.hrefs if href.startswith("#")} <= look.ids
    assert "url(" not in made.partition("<body>")[0] and "@import" not in made
    assert "default-src 'none'" in made
    if text == "hello there":
        assert look.text.count("hello there") > 10


def test_all_turns_stand_in_it_however_many(seed, conversation):
    turns = tuple(
        replace(
            conversation.traces[0], id=f"{n:032x}", turn=n, spans=(), started_ns=conversation.traces[0].started_ns + n
        )
        for n in range(1, 61)
    )
    long = replace(conversation, traces=turns, session=replace(conversation.session, turns=60))
    assert {f"t{n:032x}" for n in range(1, 61)} <= Look(as_html(long).decode()).ids


def test_a_session_without_turns_is_a_file_too():
    assert b"No request of this session is stored" in as_html(Conversation(Session("x" * 300 + "<b>", "k")))


def test_without_words_none_of_them_is_left_and_the_shape_is(seed):
    word = "Quetzalcoatl"
    whole, bare = seed(word), without_words(seed(word))
    made = as_html(bare).decode()
    # Names that the app gave to spans, models and routes are no words of anybody.
    named = re.sub(r"<[^>]*>", "", made)
    assert "12 characters]" in named and len(bare.traces) == len(whole.traces)
    assert _times(bare) == _times(whole)


def _times(talk):
    return [span.duration_ns for trace in talk.traces for span in trace.spans]


def test_it_is_handed_out_as_a_download_to_those_who_may_export(new_house, ask, conversation):
    house = new_house([conversation])
    key = conversation.session.key
    answer = ask(house, f"/s/{key}.html")
    headers = dict(answer.headers)
    assert answer.status == 200 and headers["content-disposition"] == f'attachment; filename="{key}.html"'
    assert b"characters]" not in answer.body and b"characters]" in ask(house, f"/s/{key}.html", query="redact=1").body
    assert ask(house, "/s/nobody.html").status == 404


def test_what_is_open_inside_what_ends_is_ended_too():
    page = (
        "<html><body><div><p>a<b>c</div><a href='x#q'>gone</a><a class='q' href='?at=1#z'>kept</a><i id=z></i>"
        "</body></html>"
    )
    made = sealed(page, "t</title>", ["b{}</style><script>"], "end")
    assert "<div><p>a<b>c</b></p></div>" in made and "gone" not in made
    assert '<a class="q" href="#z">kept</a>' in made and "<script" not in made.replace("<\\/style><script>", "")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 360])
def test_a_browser_shows_it_without_a_script_and_asks_nobody(browser, seed, tmp_path, width):
    file = tmp_path / "session.html"
    file.write_bytes(as_html(seed(PROBE)))
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    assert asked == [file.as_uri()] and said == []
    assert page.locator(".msg.user").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("details summary").first.click()
    context.close()
