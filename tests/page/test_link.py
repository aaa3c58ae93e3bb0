"""The link with the token: swapped once for a cookie that belongs to the whole mount, whatever page it leads to."""

from __future__ import annotations

from urllib.parse import urlencode, urljoin

import pytest

from convotrace.page.access import COOKIE, cookie_value

TOKEN = "open-sesame-0123456789"


def _header(response, name):
    return [value for found, value in response.headers if found == name]


def _follow(ask, house, url, prefix):
    """Follow redirects like a browser behind a proxy's prefix; return the last address and where a cookie was set."""
    cookie, cookie_url = None, None
    for _ in range(5):
        path, _, query = url.removeprefix(f"http://app.example{prefix}/_sessions").partition("?")
        headers = {"cookie": cookie} if cookie else {}
        response = ask(house, path, headers=headers, query=query, bearer=False)
        if _header(response, "set-cookie"):
            cookie, cookie_url = _header(response, "set-cookie")[0].partition(";")[0], url
        if response.status not in (303, 308):
            return response.status, url, cookie_url
        url = urljoin(url, _header(response, "location")[0])
    raise AssertionError("a redirect loop")


@pytest.mark.parametrize("prefix", ["", "/svc", "/a/b"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("?token={t}", "/"),
        ("/?token={t}", "/"),
        ("/?token={t}&q=refund&order=-cost", "/?q=refund&order=-cost"),
        ("/health?token={t}", "/health"),
        ("/s/{k}?token={t}", "/s/{k}"),
        ("/s/{k}?turn=2&token={t}", "/s/{k}?turn=2"),
        ("/s/{k}/t/" + "a" * 32 + "?token={t}&span=" + "1" * 16, "/s/{k}/t/" + "a" * 32 + "?span=" + "1" * 16),
    ],
)
def test_a_link_ends_on_its_page_with_a_cookie_for_the_whole_mount(ask, new_house, conversation, prefix, start, end):
    house, key = new_house([conversation]), conversation.session.key
    base = f"http://app.example{prefix}/_sessions"
    status, url, cookie_url = _follow(ask, house, base + start.format(t=TOKEN, k=key), prefix)
    assert (status, url) == (200, base + end.format(k=key))
    # The browser scopes a cookie without Path to the folder of the address that set it.
    assert cookie_url.partition("?")[0].rpartition("/")[0] == base


def test_the_cookie_is_hidden_from_scripts_lax_without_path_and_does_not_hold_the_token(ask, new_house):
    plain = _header(ask(new_house([]), "/", query=f"token={TOKEN}", bearer=False), "set-cookie")
    assert plain == [f"{COOKIE}_{cookie_value(TOKEN)[:8]}={cookie_value(TOKEN)}; HttpOnly; SameSite=Lax"]
    assert TOKEN not in plain[0]
    safe = _header(ask(new_house([]), "/", query=f"token={TOKEN}", bearer=False, scheme="https"), "set-cookie")
    assert safe == [plain[0] + "; Secure"]


def test_a_wrong_token_sets_nothing_and_leads_nowhere(ask, new_house):
    house = new_house([])
    for path in ("", "/", "/health"):
        response = ask(house, path, query="token=wrong", bearer=False)
        assert response == ask(house, "/unknown", bearer=False)


@pytest.mark.parametrize(
    ("path", "method"), [("/sessions.json", "GET"), ("/healthz", "GET"), ("/", "POST"), ("/", "HEAD")]
)
def test_a_token_in_the_query_opens_only_pages_to_get(ask, new_house, path, method):
    assert ask(new_house([]), path, method, query=f"token={TOKEN}", bearer=False).status == 404


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "s/../../x", "%2F%2Fevil",
        "javascript:x", "sessions.json", "s/a\r\nset-cookie: x=y", "healthz", "s/a/b/c",
    ],
)  # fmt: skip
def test_the_swap_never_leads_out_of_our_own_pages(ask, new_house, to):
    response = ask(new_house([]), "/", query=urlencode({"token": TOKEN, "to": to}), bearer=False)
    assert _header(response, "location") == ["./"]


def test_nothing_of_a_query_reaches_a_header_unquoted(ask, new_house):
    response = ask(new_house([]), "", query="q=a%0d%0ab&x=\r\ny: z")
    assert _header(response, "location") == ["_sessions/?q=a%0D%0Ab&x=%0D%0Ay%3A+z"]


def test_the_mount_without_its_slash_leads_to_the_folder_under_any_name(ask, new_house):
    response = ask(new_house([], mount="/internal/chat log"), "", query="q=1")
    assert (response.status, _header(response, "location")) == (308, ["chat%20log/?q=1"])


def test_opening_a_link_changes_nothing_in_the_store(ask, new_house, conversation):
    house = new_house([conversation])
    house.put = lambda change: pytest.fail("a GET wrote")
    ask(house, "/", query=f"token={TOKEN}", bearer=False)
