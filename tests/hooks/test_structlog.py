"""structlog both ways: its lines into the trace, our ids into its lines, and its output unchanged unless asked."""

import json
import logging
import sys

import pytest
import structlog
from structlog.testing import CapturingLoggerFactory

import convotrace as ct
from convotrace import hooks
from convotrace.capture.current import current_node
from convotrace.hooks import logging as logging_hook
from convotrace.hooks.structlog import CaptureProcessor, configure_structlog, install
from convotrace.recorder import OpenSpan
from convotrace.settings import Settings


class Raises:
    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__


def keep(lines):
    """Return a last processor that keeps the event dict instead of printing it."""

    def last(logger, name, event_dict):
        lines.append(dict(event_dict))
        raise structlog.DropEvent

    return last


def wrapped(*processors):
    return structlog.wrap_logger(None, processors=list(processors))


def test_a_line_is_noted_and_comes_out_with_the_ids_where_asked(trace):
    lines = []
    trace.identify = lambda _: "s1"
    span = OpenSpan(trace, None, "work", "tool", 0)
    trace.add(span)
    wrapped(CaptureProcessor(), keep(lines)).info("in the trace", a=1)
    current_node.set(span)
    wrapped(CaptureProcessor(), keep(lines)).warning("in the span")
    of_trace, of_span = lines
    assert of_trace == {"a": 1, "event": "in the trace", "session_id": "s1", "trace_id": f"{trace.id:032x}"}
    assert of_span["span_id"] == f"{span.id:016x}" and of_span["trace_id"] == f"{trace.id:032x}"
    assert [(e.name, e.level, e.attributes) for e in trace.events] == [("in the trace", "info", {"a": 1})]
    assert [(e.name, e.level) for e in span.events] == [("in the span", "warning")]


def test_keys_of_the_line_that_collide_with_ours_stay_the_apps(trace):
    lines = []
    trace.identify = lambda _: "ours"
    wrapped(CaptureProcessor(), keep(lines)).info("e", session_id="theirs", trace_id=5, timestamp="t")
    assert lines == [{"event": "e", "session_id": "theirs", "trace_id": 5, "timestamp": "t"}]
    assert trace.events[0].attributes == {"session_id": "theirs", "trace_id": 5, "timestamp": "t"}


def test_an_unknown_session_is_no_key(trace):
    lines = []
    wrapped(CaptureProcessor(), keep(lines)).info("e")
    assert "session_id" not in lines[0]


def test_without_ids_and_outside_a_request_the_line_is_the_apps_own(trace):
    lines = []
    wrapped(CaptureProcessor(ids=False), keep(lines)).info("e", a=1)
    token = current_node.set(None)
    wrapped(CaptureProcessor(), keep(lines)).info("e", a=1)
    current_node.reset(token)
    assert lines == [{"event": "e", "a": 1}] * 2 and len(trace.events) == 1


def test_newlines_and_escapes_in_a_line_stay_one_event(trace):
    wrapped(CaptureProcessor(), keep([])).info("a\nb\x1b[31m", x="1\r\n2")
    assert [(event.name, event.attributes) for event in trace.events] == [("a\nb\x1b[31m", {"x": "1\r\n2"})]


@pytest.mark.parametrize("event", [Raises(), None, 3, b"x", {"a": 1}])
def test_a_line_of_strange_values_raises_nothing_and_goes_on(trace, event):
    lines = []
    wrapped(CaptureProcessor(), keep(lines)).info(event, a=Raises(), level=Raises(), error=Raises())
    assert len(lines) == 1 and len(trace.events) == 1


def test_a_failing_capture_raises_nothing_and_leaves_the_line(trace, monkeypatch):
    lines = []
    monkeypatch.setattr("convotrace.hooks.structlog.log_line", lambda *_, **__: 1 / 0)
    wrapped(CaptureProcessor(ids=False), keep(lines)).info("e", a=1)
    assert lines == [{"event": "e", "a": 1}] and trace.events == []


def raise_and_log(logger, **how):
    try:
        raise LookupError("gone")
    except LookupError as error:
        logger.error("failed", **({"exc_info": error} if how.get("given") else {"exc_info": how.get("exc_info", True)}))


@pytest.mark.parametrize("how", [{"exc_info": True}, {"given": True}])
@pytest.mark.parametrize("before", [[], [structlog.processors.format_exc_info], [structlog.processors.dict_tracebacks]])
def test_an_exception_is_kept_though_an_earlier_processor_made_text_of_it(trace, how, before):
    raise_and_log(wrapped(*before, CaptureProcessor(), keep([])), **how)
    (event,) = trace.events
    assert (event.attributes["exception"]["type"], trace.logged.message) == ("LookupError", "gone")


def test_exc_info_outside_of_a_handler_is_no_exception(trace):
    wrapped(CaptureProcessor(), keep([])).error("failed", exc_info=True)
    assert "exception" not in trace.events[0].attributes and trace.logged is None


def test_installing_goes_before_the_last_processor_in_place_and_once(trace):
    before = structlog.get_config()["processors"]
    last, size = before[-1], len(before)
    for _ in range(2):
        install()
    after = structlog.get_config()["processors"]
    assert after is before and after[-1] is last and len(after) == size + 1
    assert isinstance(after[-2], CaptureProcessor) and not structlog.is_configured()


def test_installing_leaves_a_processor_that_the_app_placed(trace):
    mine = CaptureProcessor()
    structlog.configure(processors=[mine, structlog.processors.JSONRenderer()])
    install()
    assert [type(p) for p in structlog.get_config()["processors"]].count(CaptureProcessor) == 1


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_chain_is_captured_whatever_sequence_it_is(trace, kind, capsys):
    structlog.configure(
        processors=kind([structlog.processors.JSONRenderer()]), logger_factory=structlog.PrintLoggerFactory()
    )
    install()
    structlog.get_logger().info("e", a=1)
    assert capsys.readouterr().out == '{"a": 1, "event": "e"}\n'
    assert [event.name for event in trace.events] == ["e"]


def test_an_empty_chain_is_installed_into(trace):
    structlog.configure(processors=[])
    install()
    assert len(structlog.get_config()["processors"]) == 1


def test_a_logger_that_was_cached_before_is_captured_too(trace):
    factory = CapturingLoggerFactory()
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], cache_logger_on_first_use=True, logger_factory=factory
    )
    logger = structlog.get_logger()
    token = current_node.set(None)
    logger.info("warm")
    current_node.reset(token)
    install()
    logger.info("e")
    assert [event.name for event in trace.events] == ["e"]
    assert [call.args for call in factory.logger.calls] == [("event='warm'",), ("event='e'",)]


def stdlib_chain(*processors):
    """Configure structlog over logging, with a handler that prints nothing."""
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, *processors],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    root = logging.getLogger("shop")
    root.setLevel(logging.INFO)
    root.addHandler(handler := logging.NullHandler())
    root.propagate = False
    return root, handler


LAST = [
    structlog.processors.JSONRenderer(),
    structlog.stdlib.render_to_log_kwargs,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


@pytest.mark.parametrize("last", LAST, ids=["JSON", "kwargs", "formatter"])
@pytest.mark.parametrize("say", ["info", "exception", "log"])
def test_a_line_of_structlog_over_logging_is_noted_once_and_with_its_own_fields(trace, last, say):
    root, handler = stdlib_chain(last)
    hooks.install(Settings.of({}, environ={}))
    logger = structlog.get_logger("shop")
    logger.log(20, "sold", sku="A1") if say == "log" else getattr(logger, say)("sold", sku="A1")
    root.removeHandler(handler)
    (event,) = trace.events
    assert (event.name, event.attributes["sku"]) == ("sold", "A1")


def test_a_chain_without_our_processor_is_noted_by_logging_though_another_has_it(trace):
    wrapped(CaptureProcessor(), keep([]))
    root, handler = stdlib_chain(structlog.processors.JSONRenderer())
    logging_hook.install()
    structlog.get_logger("shop").info("sold", sku="A1")
    root.removeHandler(handler)
    assert [json.loads(event.name)["event"] for event in trace.events] == ["sold"]


def test_lines_of_logging_beside_structlog_are_noted_as_they_are(trace):
    root, handler = stdlib_chain(structlog.processors.JSONRenderer())
    hooks.install(Settings.of({}, environ={}))
    root.info("plain", extra={"a": 1})
    structlog.get_logger("shop").info("bound")
    root.removeHandler(handler)
    assert [event.name for event in trace.events] == ["plain", "bound"]


ODD = {
    "nan": float("nan"), "inf": [float("-inf")], "bytes": b"\xff", "set": {1}, "object": Raises(),
    "surrogate": "\ud800",
    "key": {1: {None: 2}}, "huge": 10**5000, "text": "é\n🦊",
}  # fmt: skip


def test_the_ready_chain_prints_one_valid_json_line_a_line_with_ids(trace, capsys):
    trace.identify = lambda _: "s1"
    configure_structlog(json=True)
    logger = structlog.get_logger()
    logger.info("e", a=1)
    logger.debug("not printed")
    for name, value in ODD.items():
        logger.info("odd", **{name: value})
    raise_and_log(logger)
    lines = capsys.readouterr().out.split("\n")
    found = [json.loads(line, parse_constant=pytest.fail) for line in lines[:-1]]
    assert len(found) == len(ODD) + 2 and lines[-1] == "" and "".join(lines).isascii()
    for line in found:
        assert {"event", "level", "timestamp", "session_id", "trace_id"} <= line.keys()
        assert (line["session_id"], line["trace_id"]) == ("s1", f"{trace.id:032x}")
    assert "LookupError: gone" in found[-1]["exception"] and found[len(ODD)]["text"] == "é\n🦊"
    assert len(trace.events) == len(ODD) + 2 and trace.logged.message == "gone"


@pytest.mark.parametrize(("level", "printed"), [("DEBUG", 3), ("info", 2), ("WARNING", 1)])
def test_the_ready_chain_prints_from_its_level_on(trace, capsys, level, printed):
    configure_structlog(json=True, level=level)
    logger = structlog.get_logger()
    for say in (logger.debug, logger.info, logger.warning):
        say("e")
    assert capsys.readouterr().out.count("\n") == printed


def test_the_ready_chain_is_json_where_stdout_is_no_terminal(trace, capsys):
    assert not sys.stdout.isatty()
    configure_structlog()
    structlog.get_logger().info("e")
    assert json.loads(capsys.readouterr().out)["event"] == "e"


def test_the_ready_chain_is_readable_text_where_asked(trace, capsys):
    configure_structlog(json=False)
    raise_and_log(structlog.get_logger())
    assert "failed" in capsys.readouterr().out and trace.logged.message == "gone"


def test_a_chain_that_is_configured_after_the_first_request_is_captured_too(store_url):
    structlog.reset_defaults()
    observer = ct.ConvoTrace(store=store_url)
    with observer.session("s1"):
        ct.set_input("first")
    for name in ("second", "third"):
        structlog.configure(
            processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
        )
        with observer.session("s1"):
            ct.set_input(name)
            structlog.get_logger().info(f"line of {name}")
    traces = observer.store.session("s1").traces
    observer.close()
    assert [[event.name for event in trace.events] for trace in traces] == [[], ["line of second"], ["line of third"]]
