"""Attached files on the page: handed out to be saved, shown only where that is harmless, whatever they claim."""

import dataclasses
import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import Attachment
from convotrace.page.attachments import disposition

PNG = b"\x89PNG\r\n\x1a\n\0\0"
HOSTILE = (
    "a\r\nset-cookie: x=1",
    '"; filename=evil.exe',
    "../../etc/passwd",
    "..\\..\\x",
    "\0",
    "\u202egnp.exe",
    "",
    ".",
    "a" * 400,
)
ID = "1" * 16


@pytest.fixture
def get(ask, new_house, conversation):
    """Ask for the one attachment of a session, or for a page that shows it."""

    def _get(file, path=f"/a/{ID}", **options):
        first, *others = [dataclasses.replace(trace, attachments=()) for trace in conversation.traces]
        traces = (dataclasses.replace(first, attachments=(file,)), *others)
        house = new_house([dataclasses.replace(conversation, traces=traces)])
        return ask(house, f"/s/{conversation.session.key}{path}", **options)

    return _get


def file(data=PNG, name="x.png", kind="image/png", **fields):
    return Attachment(ID, name, kind, None if data is None else len(data), data=data, **fields)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
    ],
)
def test_an_inert_picture_is_served_as_what_it_is(get, data, kind):
    response = get(file(data, kind="text/html"))
    assert (response.status, response.body, dict(response.headers)["content-type"]) == (200, data, kind)


@pytest.mark.parametrize(
    "data", [b"<!doctype html><script>1</script>", b"<svg onload='1'/>", b"%PDF-1", b"words", b"", b"\0"]
)
@pytest.mark.parametrize("kind", ["image/png", "text/html", "image/svg+xml", "x\r\ny: z"])
def test_everything_else_is_bytes_to_be_saved_whatever_type_it_claims(get, data, kind):
    headers = dict(get(file(data, kind=kind)).headers)
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''x.png"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_inside_its_header_and_its_folder(get, name):
    value = dict(get(file(name=name)).headers)["content-disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9_.~%-]{1,900}", value)
    told = unquote(value.partition("''")[2])
    assert told and not told.startswith(".") and not re.search(r'[/\\:"\r\n\0\u202e]', told)
    assert len(told) <= 150


@given(st.text(max_size=300))
def test_every_name_makes_one_plain_header(name):
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9_.~%-]+", disposition(name))


def test_a_name_in_any_script_is_kept():
    assert unquote(disposition("报告 é.pdf").partition("''")[2]) == "报告 é.pdf"


def test_what_is_not_stored_and_what_is_unknown_is_answered_alike(get):
    missing = get(file(None, left_out="size"))
    unknown = get(file(), path=f"/a/{'2' * 16}")
    assert (missing.status, missing.body) == (unknown.status, unknown.body) == (404, b"Not found\n")


def test_nobody_gets_a_file_without_the_right_to_read(get):
    assert get(file(), bearer=False).status == 404
    assert get(file(), headers={"sec-fetch-site": "cross-site"}).status == 404
    assert get(file(), headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status == 404


@pytest.mark.parametrize(("path", "folder"), [("", "~cy0xIG9r/a/"), (f"/t/{'a' * 32}", "../a/")])
def test_the_transcript_and_the_turn_show_name_type_size_and_a_small_picture(get, path, folder):
    page = get(file(b"x" * 2_000), path).body.decode()
    assert f'<img src="{folder}{ID}"' in page
    assert f'<a href="{folder}{ID}"><bdi>x.png</bdi></a>' in page
    assert "2 kB" in page and "image/png" in page


@pytest.mark.parametrize("path", ["", f"/t/{'a' * 32}"])
@pytest.mark.parametrize(
    ("why", "words"),
    [("size", "too large to keep"), ("content", "content not kept"), ("upload", "upload, not kept"),
     ("unreadable", "could not be read")],
)  # fmt: skip
def test_a_file_without_its_bytes_says_why_and_has_no_link(get, path, why, words):
    page = get(file(None, left_out=why), path).body.decode()
    assert words in page
    assert "<img" not in page and f"a/{ID}" not in page


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", "image/PNG"])
def test_no_other_type_is_shown_as_a_picture(get, kind):
    assert "<img" not in get(file(kind=kind), "").body.decode()


def test_an_address_elsewhere_is_a_link_that_tells_nothing_and_is_never_fetched(get):
    page = get(file(None, url="https://files.example/x.png"), "").body.decode()
    link = '<a href="https://files.example/x.png" target="_blank" rel="noopener noreferrer nofollow">'
    assert link in page and "files.example</span>" in page
    assert "<img" not in page


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", "https://", "http://[::1", "ftp://x/y"]
)
def test_no_other_address_is_a_link(get, url):
    assert (
        "<a href"
        not in re.search(r'<ul class="files".*?</ul>', get(file(None, url=url), "").body.decode(), re.DOTALL)[0]
    )


def test_the_data_tell_what_is_there(get):
    (told,) = json.loads(get(file(), ".json").body)["traces"][0]["attachments"]
    assert told == {
        "id": ID, "name": "x.png", "type": "image/png", "size": len(PNG), "url": None, "stored": True, "left_out": None,
    }  # fmt: skip
