"""The cookie of our own: set on answers that no cache shares, once, and of a form that the identity chain takes."""

import re

import pytest

from convotrace.identity import Incoming, identify
from convotrace.observer.cookie import joined, own_cookie
from convotrace.settings import Settings


def incoming(method="POST", cookie=None):
    headers = [] if cookie is None else [("cookie", cookie)]
    return Incoming(method, "/", "", headers, lambda pairs: pairs, {})


def issued(method="POST", control=None, cookie=None, https=False):
    return own_cookie(incoming(method, cookie), {} if control is None else {"cache-control": control}, https)


def test_a_cookie_is_hidden_from_scripts_for_the_whole_site_and_secure_where_the_browser_speaks_https():
    assert re.fullmatch(r"convotrace_session=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax", issued())
    assert re.fullmatch(r"convotrace_session=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax; Secure", issued(https=True))
    assert issued() != issued()


@pytest.mark.parametrize(
    ("method", "control", "is_set"),
    [
        ("POST", None, True),
        ("POST", "max-age=5", True),
        ("POST", "public", False),
        ("POST", "PUBLIC, no-store", False),
        ("POST", "s-maxage=5", False),
        ("WEBSOCKET", None, True),
        ("WEBSOCKET", "public", False),
        ("GET", None, False),
        ("GET", "max-age=5", False),
        ("GET", "private", True),
        ("GET", "No-Store", True),
        ("GET", "private, public", False),
        ("PUT", None, False),
        ("PUT", "private", True),
    ],
)
def test_it_is_set_only_on_answers_that_no_cache_shares(method, control, is_set):
    assert (issued(method, control) is not None) is is_set


def test_a_header_that_comes_twice_counts_as_one_with_both():
    told = joined([("Cache-Control", "public"), ("X", "1"), ("cache-control", "no-store"), ("CACHE-CONTROL", "x")])
    assert told == {"cache-control": "public, no-store, x", "x": "1"}
    assert own_cookie(incoming(), told, False) is None


def test_one_that_came_is_kept_and_an_empty_one_is_none():
    assert issued(cookie="convotrace_session=abc") is None
    assert issued(cookie="convotrace_session=") is not None and issued(cookie="session=abc") is not None


def test_the_request_that_gets_it_belongs_to_its_session_already_and_keeps_its_other_cookies():
    request, settings = incoming(cookie="theme=dark"), Settings.of({}, environ={})
    assert identify(request, settings, b"k") is None
    told = own_cookie(request, {}, False)
    found = identify(request, settings, b"k")
    assert found.source == "own_cookie" and request.cookies["theme"] == "dark"
    later = incoming(cookie=told.partition(";")[0])
    assert identify(later, settings, b"k") == found and own_cookie(later, {}, False) is None
