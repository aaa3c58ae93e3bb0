"""The two texts of a turn, as a person would say that they are."""

import json

import pytest
from convotrace_test_otlp import body, generation, log, log_body, messages, span, take

CHAIN = {"openinference.span.kind": "CHAIN"}
AGENT = {"openinference.span.kind": "AGENT"}


def texts(memory, *spans):
    take(memory, body(*spans))
    return memory.all[0].input.text, memory.all[0].output.text


def test_a_template_around_the_question_is_nobodys_words(memory):
    root = span(1, attributes={**CHAIN, "input.value": '{"question": "Where is it?"}'}, end=9_000)
    assert texts(memory, root, generation(2, 1, "Answer briefly: Where is it?", "There.")) == ("Where is it?", "There.")


def test_a_text_that_no_model_was_sent_is_not_what_was_asked(memory):
    root = span(1, attributes={**CHAIN, "input.value": "job 7"}, end=9_000)
    assert texts(memory, root, generation(2, 1, "Where is it?", "There."))[0] == "Where is it?"


def test_results_of_tools_in_the_users_name_are_no_message_of_theirs(memory):
    given = json.dumps([
        {"role": "user", "content": "bet on 4"},
        {"role": "user", "parts": [{"type": "tool_call_response", "id": "c", "response": "won"}]},
    ])  # fmt: skip
    assert texts(memory, generation(1, attributes={"gen_ai.input.messages": given})) == ("bet on 4", "hello")


def test_arguments_as_python_shows_them_are_no_message(memory):
    agent = span(2, 1, attributes={**AGENT, "input.value": "{'city': 'Bern'}", "output.value": "sunny"})
    assert texts(memory, span(1), agent, generation(3, 2, "How is Bern?"))[0] == "How is Bern?"


def test_the_task_of_an_agent_is_what_was_asked(memory):
    agent = span(1, attributes={**AGENT, "input.value": '{"task": "Count them", "max_steps": 3}'})
    assert texts(memory, agent, generation(2, 1, "New task:\nCount them"))[0] == "Count them"


@pytest.mark.parametrize(("output", "said"), [
    ({"role": "assistant", "parts": [{"type": "tool_call", "name": "final_answer", "arguments": '{"answer": "42"}'}]},
     "42"),
    ({"role": "assistant", "parts": [{"type": "tool_call", "name": "final_result", "arguments": {"a": 1, "b": [2]}}]},
     '{"a": 1, "b": [2]}'),
    ({"role": "assistant", "parts": [{"type": "tool_call", "name": "find", "arguments": {"a": 1}}]}, None),
    ({"steps": [1, 2]}, '{"steps": [1, 2]}'),
])  # fmt: skip
def test_an_answer_that_is_no_text_is_shown_as_it_is(memory, output, said):
    attributes = {"gen_ai.output.messages": "", "gen_ai.completion": json.dumps(output)}
    assert texts(memory, generation(1, attributes=attributes)) == ("hi", said)


def test_a_record_with_both_sides_in_its_body_tells_them_to_its_span(memory):
    asked = {"role": "user", "content": {"content": '[{"text": "Where?"}]'}}
    answered = {"role": "assistant", "content": '{"messages": [{"type": "ai", "content": "There."}]}'}
    said = {"input": {"messages": [asked]}, "output": {"messages": [answered]}}
    take(memory, log_body(log(1, "openinference.instrumentation.x", said)), signal="logs")
    call = span(1, attributes={"openinference.span.kind": "LLM", "llm.model_name": "m"})
    assert texts(memory, call) == ("Where?", "There.")
    assert memory.all[0].spans[0].kind == "generation"


def test_the_last_of_several_messages_counts(memory):
    given = messages(("user", "one"), ("assistant", "two"), ("user", "three"))
    assert texts(memory, generation(1, attributes={"gen_ai.input.messages": given}))[0] == "three"
