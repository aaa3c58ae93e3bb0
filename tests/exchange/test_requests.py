"""What the user said, in the requests of vendors, frameworks and bot platforms."""

import json

import pytest

from convotrace.exchange import Found, read_exchange

SAID = "Is it open?"
PARTS = [{"type": "text", "text": SAID}, {"type": "image_url", "image_url": {"url": "x"}}]
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "10-18"}]}
LISTS = [
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": SAID}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": SAID}],
    [{"role": "user", "content": PARTS}],
    [{"role": "user", "content": [{"text": SAID}]}],
    [{"role": "user", "parts": [{"type": "text", "text": SAID}]}],
    [{"role": "user", "content": SAID}, {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "10-18"}],
    [{"role": "user", "content": SAID}, {"role": "assistant", "content": []}, RESULT],
    [{"role": "user", "content": [{"text": SAID}]}, {"role": "user", "content": [{"toolResult": {"content": []}}]}],
    [{"type": "human", "content": SAID}],
    [["system", "Be brief."], ["human", SAID]],
    [{"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": SAID}}],
]


def read(body, content_type="application/json"):
    """Return what the user said in a request."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_exchange("POST", {}, body, content_type, None, "").message


@pytest.mark.parametrize("messages", LISTS)
@pytest.mark.parametrize("around", [
    lambda messages: {"messages": messages, "model": "m", "stream": True},
    lambda messages: {"input": messages, "model": "m"},
    lambda messages: {"assistant_id": "agent", "input": {"messages": messages}},
])  # fmt: skip
def test_the_last_message_of_the_user_is_what_was_said(messages, around):
    assert read(around(messages)) == Found(True, SAID, sure=True)


@pytest.mark.parametrize("contents", [
    [{"role": "user", "parts": [{"text": SAID}, {"inlineData": {"data": "x"}}]}],
    [{"parts": [{"text": SAID}]}],
    [{"role": "user", "parts": [{"text": SAID}]}, {"role": "model", "parts": [{"functionCall": {}}]},
     {"role": "user", "parts": [{"functionResponse": {"name": "hours"}}]}],
])  # fmt: skip
def test_contents_are_read_like_messages(contents):
    assert read({"contents": contents}) == Found(True, SAID, sure=True)


@pytest.mark.parametrize(
    "messages", [[], ["hi"], [{"role": "assistant", "content": "x"}], [[]], [None], "hi", {"a": 1}]
)
def test_a_list_without_a_message_of_the_user_says_nothing(messages):
    assert read({"messages": messages, "x": 1}) == Found()


def test_a_picture_alone_is_a_message_without_words():
    assert read({"messages": [{"role": "user", "content": PARTS[1:]}]}) == Found(True, "")


NAMED = [
    {"message": SAID, "messages": [{"role": "user", "content": "earlier"}]},
    {"history": [{"role": "user", "content": "earlier"}], "new_message": SAID},
    {"newMessage": {"role": "user", "parts": [{"text": SAID}]}, "appName": "a"},
    {"inputs": {"city": "Rome"}, "query": SAID, "conversation_id": ""},
    {"inputs": SAID, "parameters": {"max_new_tokens": 5}},
    {"inputText": SAID, "enableTrace": True},
    {"prompt": SAID, "n_predict": 16},
    {"prompt": [{"type": "text", "data": SAID}], "maximum_tokens": 5},
    {"prompt": f"\n\nHuman:\n{SAID}\n\n\nAssistant:", "max_tokens_to_sample": 5},
    {"input": [{"type": "text", "text": SAID}, {"type": "image", "data": "x"}], "stream": True},
    {"input": {"question": SAID}, "config": {}},
    {"message": {"content": {"text": SAID}}, "x": 1},
    {"prompt": [SAID], "max_tokens": 5},
]


@pytest.mark.parametrize("body", NAMED)
def test_prompts_and_nested_fields_are_messages_that_need_more_evidence(body):
    assert read(body) == Found(True, SAID, sure=False)


@pytest.mark.parametrize("prompt", ["Human: a\n\nAssistant: b", "\n\nHuman: a", "\n\nHuman: a\n\nAssistant: b"])
def test_a_prompt_in_another_frame_is_the_message_as_it_stands(prompt):
    assert read({"prompt": prompt}).text == prompt


HOOKS = [
    {"type": "event_callback", "event": {"type": "message", "text": SAID}},
    {"object": "page", "entry": [{"messaging": [{"sender": {"id": "U"}, "message": {"text": SAID}}]}]},
    {"object": "whatsapp_business_account",
     "entry": [{"changes": [{"value": {"messages": [{"type": "text", "text": {"body": SAID}}]}}]}]},
    {"queryResult": {"queryText": SAID}, "session": "s"},
    {"type": 2, "application_id": "2", "data": {"name": "ask", "options": [{"name": "q", "value": SAID}]}},
    {"type": "message", "from": {"id": "u"}, "conversation": {"id": "c"}, "text": SAID},
    {"sender": "u", "message": SAID},
]  # fmt: skip


@pytest.mark.parametrize("body", HOOKS)
def test_a_message_to_a_bot_is_one_whatever_answers_it(body):
    assert read(body) == Found(True, SAID, sure=True)


@pytest.mark.parametrize("form", ["Body=Is+it+open%3F&From=%2B1&MessageSid=SM1",
                                  "command=%2Fask&text=Is+it+open%3F&response_url=x"])  # fmt: skip
def test_forms_of_bot_platforms_are_read(form):
    assert read(form.encode(), "application/x-www-form-urlencoded") == Found(True, SAID, sure=True)


def test_a_packet_of_socket_io_carries_a_message():
    packet = '42["client_message",{"message":{"type":"user_message","output":"Is it open?"}}]'
    assert read(packet.encode(), "text/plain") == Found(True, SAID)


@pytest.mark.parametrize("body", [
    {"type": "url_verification", "challenge": "x"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"text": "x"}, "message": "x"},
    {"variables": {"location": "Rome"}, "stream": False},
    {"query": "{ me { id } }"}, {"query": "query Me($id: ID!) { user(id: $id) { name } }"},
    {"query": "mutation { add(text: \"x\") { id } }"}, {"query": "fragment F on User { id } { me { ...F } }"},
    {"prompt": {"id": "pmpt_1", "variables": {"user_message": {"text": "x"}}}},
    {"entry": [{"messaging": [{"delivery": {}}]}]},
])  # fmt: skip
def test_what_is_no_message_is_not_taken_for_one(body):
    assert read(body) == Found()


@pytest.mark.parametrize("words", ["query the log {it is empty}?", '{"a": 1}', "{} is what I get", "mutation of { }"])
def test_words_with_braces_are_no_query(words):
    assert read({"query": words}) == Found(True, words)


@pytest.mark.parametrize("answered", [b"EVENT_RECEIVED", b"ok"])
def test_the_acknowledgement_of_a_hook_is_no_reply(answered):
    found = read_exchange("POST", {}, json.dumps(HOOKS[0]).encode(), "application/json", answered, "text/plain")
    assert (found.message.text, found.reply) == (SAID, Found())


def test_of_a_cut_request_message_and_session_are_kept():
    body = b'{"session_id": "s-1", "message": "Is it open?", "page": "x'
    found = read_exchange("POST", {}, body, "application/json", None, "")
    assert found.message.text == SAID
    assert found.request_body == {"session_id": "s-1", "message": SAID}
