"""The dialects of platforms whose events carry a payload of their own."""

from convotrace_test_wire import JSON, read, sse

SAID = "Open till six."
RUN = (
    ("RunStarted", {"event": "RunStarted", "run_id": "r", "model": "m"}),
    ("ToolCallStarted", {"event": "ToolCallStarted", "tool": {
        "tool_call_id": "c", "tool_name": "hours", "tool_args": {"day": "Monday"}}}),
    ("ToolCallCompleted", {"event": "ToolCallCompleted", "content": "hours(day=Monday) completed in 0.1s."}),
)  # fmt: skip
END = ("RunCompleted", {"event": "RunCompleted", "content": SAID, "metrics": {"input_tokens": 5, "output_tokens": 3}})


def run(*pieces):
    contents = [("RunContent", {"event": "RunContent", "content": piece, "reasoning_content": ""}) for piece in pieces]
    return read(sse(*RUN, *contents, END))


def test_an_agno_run_is_its_pieces_or_the_whole_and_its_tools_are_calls():
    for exchange in (run("Open ", "till six."), run()):
        assert (exchange.dialect, exchange.reply.text, exchange.reasoning) == ("agno", SAID, None)
        assert (exchange.model, exchange.usage["input_tokens"]) == ("m", 5)
        assert [(call.name, call.id, call.arguments) for call in exchange.tool_calls] == [
            ("hours", "c", '{"day":"Monday"}')]  # fmt: skip


def test_an_agno_run_may_fail():
    failed = read(sse(*RUN, ("RunError", {"event": "RunError", "content": "no key"})))
    assert (failed.reply.text, failed.error) == (None, "no key")


def test_events_of_mastra_hold_their_fields_in_a_payload():
    def event(kind, **payload):
        return {"type": kind, "from": "AGENT", "payload": payload}

    exchange = read(sse(
        event("start"), event("reasoning-delta", text="Hm."), event("text-delta", text="Open "),
        event("text-delta", text="till six."), event("tool-call", toolCallId="c", toolName="hours", args={"a": 1}),
        event("finish", stepResult={"reason": "stop"}, output={"usage": {"inputTokens": 5}}), "[DONE]",
    ))  # fmt: skip
    assert (exchange.dialect, exchange.reply.text, exchange.reasoning) == ("mastra", SAID, "Hm.")
    assert (exchange.finish_reason, exchange.usage, exchange.tool_calls[0].name) == (
        "stop",
        {"inputTokens": 5},
        "hours",
    )
    assert read(sse(event("text-delta", text="Open"), event("error", error="full"))).error == "full"


def test_bubbles_of_a_typebot_are_lines():
    def bubble(*words):
        nested = [{"type": "p", "children": [{"text": word} for word in words]}]
        return {"type": "text", "content": {"type": "richText", "richText": nested}}

    body = {"messages": [bubble("Open ", "till six."), bubble("Bye.")], "input": {"id": "x"}}
    assert read(body, JSON).reply.text == f"{SAID}\nBye."
