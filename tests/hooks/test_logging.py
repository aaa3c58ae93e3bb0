"""Lines of the standard library's logging: noted once, with their fields, and nothing of the app's changed."""

import json
import logging
import logging.handlers
import queue

import pytest

from convotrace.capture.current import current_node
from convotrace.hooks import logging as hook
from convotrace.hooks.logging import CaptureHandler


@pytest.fixture
def logger(trace):
    """A logger with our factory in place and a handler that keeps what the app would print."""
    hook.install()
    logger = logging.getLogger("shop.orders")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    handler = logging.handlers.QueueHandler(queue.SimpleQueue())
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_a_record_is_an_event_with_its_message_logger_and_extra(trace, logger):
    logger.warning("order %s: %d left", "A1", 3, extra={"sku": "A1", "order": {"n": 1}})
    (event,) = trace.events
    assert (event.name, event.level) == ("order A1: 3 left", "warning")
    assert event.attributes == {"logger": "shop.orders", "sku": "A1", "order": {"n": 1}}


def test_a_record_with_span_fields_is_a_span(trace, logger):
    logger.info("lookup", extra={"span_kind": "tool", "arguments": {"q": 1}, "duration_ms": 5})
    (span,) = trace.spans
    assert (span.name, span.kind, span.fields["arguments"]) == ("lookup", "tool", {"q": 1})


def test_an_exception_is_kept_and_told(trace, logger):
    try:
        raise LookupError("gone")
    except LookupError:
        logger.exception("failed")
    assert trace.events[0].attributes["exception"]["type"] == "LookupError"
    assert trace.logged.message == "gone"


def test_levels_of_the_apps_own_count_by_their_number(trace, logger):
    trace.log_level = 30
    logging.addLevelName(35, "NOTICE")
    logger.log(35, "kept")
    logger.log(25, "not kept")
    logger.info("not kept")
    assert [event.name for event in trace.events] == ["kept"]


def test_a_record_seen_by_two_handlers_is_noted_once(trace, logger):
    for _ in range(2):
        logger.addHandler(CaptureHandler())
    logger.parent.addHandler(parent := CaptureHandler())
    logger.propagate = True
    logger.info("once")
    logger.parent.removeHandler(parent)
    for handler in logger.handlers[1:]:
        logger.removeHandler(handler)
    assert [event.name for event in trace.events] == ["once"]


def test_the_handler_alone_notes_records_with_their_extra(trace):
    logger = logging.getLogger("alone")
    logger.propagate = False
    handler = CaptureHandler()
    logger.addHandler(handler)
    logger.error("line", extra={"a": 1})
    logger.removeHandler(handler)
    assert [(event.name, event.attributes) for event in trace.events] == [("line", {"logger": "alone", "a": 1})]


def test_installing_again_notes_no_line_twice(trace, logger):
    hook.install()
    mine = logging.getLogRecordFactory()
    logging.setLogRecordFactory(lambda *args, **kwargs: mine(*args, **kwargs))
    hook.install()
    logger.info("once", extra={"a": 1})
    assert [(event.name, event.attributes.get("a")) for event in trace.events] == [("once", 1)]


def test_a_factory_of_the_apps_own_is_kept(trace):
    class Record(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Record)
    hook.install()
    record = logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None)
    assert type(record) is Record and len(trace.events) == 1


class Slotted:
    """A record that cannot be hashed or weakly referenced, and fails whatever is asked of it."""

    __slots__ = ()
    __hash__ = None

    def __init__(self, *args, **kwargs):
        pass


def test_a_record_of_a_strange_class_raises_nothing(trace):
    logging.setLogRecordFactory(Slotted)
    hook.install()
    assert isinstance(logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None), Slotted)
    assert trace.events == []


class Unprintable:
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


@pytest.mark.parametrize(
    ("message", "args"), [("%d", ("x",)), ("%s %s", ("x",)), ("%s", (Unprintable(),)), (Unprintable(), ()), (None, ())]
)
def test_a_record_that_cannot_be_formatted_raises_nothing(trace, message, args):
    hook.install()
    logging.getLogger("quiet.room").makeRecord("quiet.room", 20, "f", 1, message, args, None)
    assert len(trace.events) <= 1


def test_a_record_built_by_hand_is_not_yet_a_line(trace):
    hook.install()
    record = logging.makeLogRecord({"name": "x", "msg": "from afar", "levelname": "INFO", "levelno": 20})
    assert trace.events == []
    CaptureHandler().handle(record)
    assert [event.name for event in trace.events] == ["from afar"]


@pytest.mark.parametrize(
    ("name", "kept"), [("convotrace", 0), ("convotrace.x", 0), ("convotracer", 1), ("my.convotrace", 1)]
)
def test_our_own_lines_are_not_noted(trace, logger, name, kept):
    hook.install()
    logging.getLogger(name).warning("x")
    assert len(trace.events) == kept


def test_outside_a_request_nothing_is_noted(trace, logger):
    token = current_node.set(None)
    logger.info("x")
    current_node.reset(token)
    assert trace.events == []


def test_lines_that_the_logger_drops_are_not_noted(trace, logger):
    logger.setLevel(logging.ERROR)
    logger.info("x")
    assert trace.events == []


def test_a_line_through_an_adapter_or_a_subclass_keeps_its_extra(trace, logger):
    class Shop(logging.Logger):
        def makeRecord(self, *args, **kwargs):
            return super().makeRecord(*args, **kwargs)

    logging.LoggerAdapter(logger, {"tenant": "t1"}).info("adapted")
    own = Shop("own")
    own.info("subclassed", extra={"a": 1})
    adapted, subclassed = trace.events
    assert adapted.attributes["tenant"] == "t1" and subclassed.attributes["a"] == 1


def test_a_formatter_that_prints_every_attribute_prints_what_it_would_without_us(trace, logger):
    def attributes(**extra):
        record = logger.makeRecord("n", 20, "f.py", 1, "m", (), None, "func", extra)
        return json.dumps({k: v for k, v in vars(record).items() if "created" not in k.lower() and k != "msecs"})

    ours = attributes(sku="A1")
    logging.setLogRecordFactory(logging.LogRecord)
    assert attributes(sku="A1") == ours
    assert len(trace.events) == 1
