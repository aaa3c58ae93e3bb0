"""What is never stored, whatever the settings: in values, in JSON kept as text, in JSON that was cut."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.redaction import REDACTED, Redactor, never_stored, never_stored_header

CANARY = "c4n4ry"
SECRET_NAMES = [
    "apikey", "api_key", "API-Key", "OPENAI_API_KEY", "x-api-key", "accessToken", "access_token", "refresh-token",
    "id_token", "secret", "client_secret", "Password", "db_password", "passwd", "PrivateKey", "private__key",
    "Authorization", "proxy-authorization", "_-secret", "s_e_c_r_e_t",
]  # fmt: skip
PLAIN_NAMES = [
    "token", "key", "max_tokens", "input_tokens", "prompt_tokens", "keyboard", "secretary", "password_hint",
    "session_id",    "cookie", "x_auth_token", "author", "", "api_keys", "monkey",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_field_of_a_secret_name_is_never_stored(name):
    assert never_stored(name) and never_stored_header(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_a_field_that_only_looks_alike_is_stored(name):
    assert not never_stored(name)


@pytest.mark.parametrize("name", ["cookie", "Cookie", "set-cookie", "Set_Cookie", "X-Auth-Token", "my-x-auth-token"])
def test_some_headers_are_never_stored_though_fields_of_the_name_are(name):
    assert never_stored_header(name) and not never_stored(name)


def test_a_name_of_a_megabyte_is_judged_and_not_kept():
    assert never_stored("x" * (1 << 20) + "secret")
    assert not never_stored("x" * (1 << 20))


def test_headers_lose_cookies_whole_and_secrets_their_values():
    redactor = Redactor()
    headers = {
        "host": "shop.example",
        "cookie": f"session={CANARY}",
        "Set-Cookie": CANARY,
        "authorization": f"Bearer {CANARY}",
        "x-api-key": CANARY,
        "x-auth-token": CANARY,
        "user-agent": "curl",
    }
    assert redactor.headers(headers) == {
        "host": "shop.example",
        "authorization": REDACTED,
        "x-api-key": REDACTED,
        "x-auth-token": REDACTED,
        "user-agent": "curl",
    }
    assert redactor.count == 5


@pytest.mark.parametrize("value", [None, 5, 1.5, True, ["a"], {"min": 8}])
def test_only_texts_are_secrets(value):
    assert Redactor().clean({"password": value}) == {"password": value}


def test_what_is_inside_a_secret_that_is_no_text_is_looked_at():
    cleaned = Redactor().clean({"secret": [{"password": CANARY}], "password": {"api_key": CANARY, "hint": "cat"}})
    assert cleaned == {"secret": [{"password": REDACTED}], "password": {"api_key": REDACTED, "hint": "cat"}}


@pytest.mark.parametrize(
    "value", ["password: hunter2", "", "{", "[]", "plain", '"password": "x"', 3, None, [1, {"a": []}]]
)
def test_what_holds_no_secret_field_stays_as_it_is(value):
    redactor = Redactor()
    assert redactor.clean(value) == value and redactor.count == 0


TEXTS = [
    ('{"password": "c4n4ry"}', '{"password": "[redacted]"}'),
    (' \n{"a": 1, "API_KEY" : "c4n4ry", "b": "kept"}', ' \n{"a": 1, "API_KEY" : "[redacted]", "b": "kept"}'),
    ('\ufeff{"password":"c4n4ry"}', '\ufeff{"password":"[redacted]"}'),
    ('[{"x": "y"}, {"secret": "c4\\"n4ry\\\\"}]', '[{"x": "y"}, {"secret": "[redacted]"}]'),
    ('{"secret": "c4n4ry', '{"secret": "[redacted]'),
    ('{"secret": "c4n4ry\\', '{"secret": "[redacted]'),
    ('{"secret": "c4n4ry\\u00', '{"secret": "[redacted]'),
    ('{"pass\\u0077ord": "c4n4ry"}', '{"pass\\u0077ord": "[redacted]"}'),
    ('{"args": "{\\"password\\": \\"c4n4ry\\"}"}', '{"args": "{\\"password\\": \\"[redacted]\\"}"}'),
    ('["{\\"password\\": \\"c4n4ry', '["{\\"password\\": \\"[redacted]'),
    ('{"a": "b", "secret": "c4n4ry"}', '{"a": "b", "secret": "[redacted]"}'),
    ('data: {"access_token": "c4n4ry"}\n\n', 'data: {"access_token": "[redacted]"}\n\n'),
    ('event: x\r\ndata: {"secret": "c4n4ry"}\r\n\r\n', 'event: x\r\ndata: {"secret": "[redacted]"}\r\n\r\n'),
    (': hello\n\ndata: {"secret": "c4n4ry"}\n\n', ': hello\n\ndata: {"secret": "[redacted]"}\n\n'),
    ('{"a": 1}\n{"secret": "c4n4ry"}\n', '{"a": 1}\n{"secret": "[redacted]"}\n'),
    ('{"secret": "line\nbreak c4n4ry"}', '{"secret": "[redacted]"}'),
    ('{"p__assword": "c4n4ry"}', '{"p__assword": "[redacted]"}'),
]


@pytest.mark.parametrize(("text", "cleaned"), TEXTS)
def test_json_kept_as_text_is_cleaned_in_place(text, cleaned):
    redactor = Redactor()
    assert redactor.clean({"result": text}) == {"result": cleaned} and redactor.count == 1


names = st.one_of(st.sampled_from(SECRET_NAMES), st.sampled_from(PLAIN_NAMES), st.text(max_size=8))
leaves = st.one_of(st.none(), st.integers(), st.booleans(), st.text(max_size=10))


def holding(secret):
    """Return values with a secret somewhere inside."""
    inner = st.sampled_from(SECRET_NAMES).map(lambda name: {name: secret})
    return st.recursive(
        inner,
        lambda values: st.one_of(
            st.tuples(names, values, st.dictionaries(names, leaves, max_size=2)).map(lambda t: {**t[2], t[0]: t[1]}),
            st.tuples(leaves, values, leaves).map(list),
            values.map(json.dumps),
            values.map(lambda value: json.dumps(value, ensure_ascii=False)),
        ),
        max_leaves=4,
    )


secrets = st.text(max_size=8).map(lambda text: f"{text}{CANARY}{text}")


@given(secrets.flatmap(holding))
def test_no_secret_survives_in_nested_json_or_in_json_inside_json(value):
    text = json.dumps(Redactor().clean(value))
    assert CANARY not in text


@given(secrets.flatmap(holding), st.integers(0, 400))
def test_no_secret_survives_in_json_text_that_was_cut(value, cut):
    text = json.dumps([value])[:cut]
    assert CANARY not in Redactor().clean(text)


json_values = st.recursive(
    leaves, lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3)
)


@given(json_values)
def test_cleaning_twice_is_cleaning_once_and_the_value_given_is_left_alone(value):
    before = json.dumps(value)
    once = Redactor().clean(value)
    assert Redactor().clean(once) == once
    assert json.dumps(value) == before


@given(st.text(max_size=300))
def test_no_text_raises(text):
    Redactor().clean("{" + text + '"secret":"')


def test_a_bottomless_value_ends():
    value = None
    for _ in range(900):
        value = {"a": [value]}
    assert REDACTED in json.dumps(Redactor().clean(value))


def nested_quotes(depth):
    text = json.dumps({"password": CANARY})
    for _ in range(depth):
        text = json.dumps({"v": text})
    return text


@pytest.mark.parametrize("depth", range(5))
def test_json_inside_json_is_cleaned_five_levels_deep(depth):
    cleaned = Redactor().clean(nested_quotes(depth))
    assert CANARY not in cleaned and REDACTED in cleaned
    json.loads(cleaned)


HOSTILE = {
    "quotes": '"' * 2,
    "names": '"a":',
    "pairs": '"a":"b",',
    "backslashes": "\\" * 2,
    "escaped quotes": '\\"',
    "many slashes": "\\" * 15 + '"',
    "escapes": "\\u0041",
    "spaces": '"a"   ',
    "open pairs": '\\"a\\":\\"',
    "secrets": '"secret":"x",',
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_does_not_hang_the_writer(piece):
    """Linear, each takes some hundredths of a second; where time grows with the square it is minutes."""
    text = '{"secret":0,"' + piece * (256_000 // len(piece))
    started = time.thread_time()
    Redactor().clean(text)
    assert time.thread_time() - started < 5


def test_attributes_that_hold_headers_and_lists_of_secrets_lose_them():
    attributes = {
        "http.request.header.authorization": ["Bearer x"], "http.request.header.cookie": ["a=b"],
        "http.response.header.set-cookie": "a=b", "http.request.header.accept": ["x"], "api_key": ["t0p", 5, "s3cret"],
        "names": ["kept"], "password": "t0p",
    }  # fmt: skip
    cleaned = Redactor().attributes(attributes)
    assert cleaned == {
        "http.request.header.authorization": REDACTED, "http.request.header.cookie": REDACTED,
        "http.response.header.set-cookie": REDACTED, "http.request.header.accept": ["x"],
        "api_key": [REDACTED, 5, REDACTED], "names": ["kept"], "password": REDACTED,
    }  # fmt: skip
    assert attributes["api_key"] == ["t0p", 5, "s3cret"]
