"""One POST of spans: where it goes, how long it may take, how much of an answer is read."""

import time

import pytest

from convotrace.errors import SettingsError
from convotrace.jobs.otlp_client import Forward, NotTaken, post, retry_after
from tests.backend import Backend


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


@pytest.mark.parametrize("manner", ["drip", "hang"])
def test_a_backend_that_drips_or_hangs_has_one_deadline_for_all_of_it(backend, manner):
    backend.manner = manner
    # Each read may take five seconds: with that alone one that drips would never be left.
    with pytest.raises(NotTaken, match="did not answer \\(timed out\\)") as caught:
        post(Forward(backend.url), b"{}", whole=0.6)
    assert caught.value.kind == "again"


def test_an_answer_of_a_gigabyte_is_not_read(backend):
    backend.manner = "flood"
    assert post(Forward(backend.url), b"{}") == ""
    time.sleep(0.2)
    assert backend.flooded < 1 << 26


@pytest.mark.parametrize(
    ("status", "kind"),
    [(301, "again"), (307, "again"), (400, "bad"), (401, "again"), (413, "large"), (429, "again"), (503, "again")],
)
def test_each_refusal_says_whether_another_try_helps_and_no_secret(backend, status, kind):
    backend.manner = (status, {"Location": f"{backend.url}/stolen"})
    with pytest.raises(NotTaken) as caught:
        post(Forward(f"{backend.url}/?key=s3cret", {"Authorization": "s3cret"}), b"{}")
    assert caught.value.kind == kind and "s3cret" not in str(caught.value) and str(status) in str(caught.value)
    assert len(backend.requests) == 1 and backend.requests[0][2]["Authorization"] == "s3cret"


def test_nobody_there_is_a_reason_to_try_again(deaf_port):
    with pytest.raises(NotTaken, match="ConnectionRefusedError") as caught:
        post(Forward(f"http://127.0.0.1:{deaf_port}"), b"{}")
    assert caught.value.kind == "again"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("-3", 0),
        ("nan", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("9e9", 3600),
    ],
)
def test_a_backend_may_say_when_in_seconds_or_as_a_date(text, seconds):
    assert retry_after(text, 10.0) == seconds


@pytest.mark.parametrize(
    ("url", "dialect", "endpoint"),
    [
        ("http://127.0.0.1:4318", "otel", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:6006/", "phoenix", "http://127.0.0.1:6006/v1/traces"),
        ("http://h/x/v1/traces", "otel", "http://h/x/v1/traces"),
        (
            "https://cloud.langfuse.com/api/public/otel",
            "langfuse",
            "https://cloud.langfuse.com/api/public/otel/v1/traces",
        ),
        ("https://api.getmaxim.ai/v1/otel", "maxim", "https://api.getmaxim.ai/v1/otel"),
    ],
)
def test_the_path_of_the_protocol_is_added_where_it_is_missing(url, dialect, endpoint):
    assert Forward(url, dialect=dialect).endpoint == endpoint


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://h"}, {"url": "h:4318"}, {"url": "http://user:pw@h"}, {"url": "http://h", "dialect": "x"},
     {"url": "http://h", "headers": {"a": "b\r\nc: d"}}, {"url": "http://h:99999"}],
)  # fmt: skip
def test_a_wrong_target_is_one_sentence_that_shows_no_secret(wrong):
    with pytest.raises(SettingsError) as caught:
        Forward(**wrong)
    assert "pw" not in str(caught.value) and str(caught.value).endswith(".")


def test_headers_are_not_shown():
    assert "s3cret" not in repr(Forward("http://h", {"Authorization": "s3cret"}))
