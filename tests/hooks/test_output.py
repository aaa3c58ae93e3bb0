"""At defaults a program prints the same bytes with us as without, whatever it logs with."""

import pytest

PROGRAMS = {
    "structlog as it comes": (
        """
        import structlog
        logger = structlog.get_logger()
        begin()
        logger.info("sold", sku="A1", n=3)
        structlog.get_logger("x").bind(a=1).warning("low")
        try:
            1 / 0
        except ZeroDivisionError:
            logger.exception("failed")
        """,
        3,
    ),
    "structlog as JSON": (
        """
        import structlog
        structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
        begin()
        structlog.get_logger().info("sold", sku="A1", session_id=5)
        """,
        1,
    ),
    "structlog over logging": (
        """
        import logging, structlog
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(funcName)s %(message)s")
        structlog.configure(
            processors=[structlog.stdlib.add_logger_name, structlog.processors.JSONRenderer()],
            logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger,
        )
        begin()
        structlog.get_logger("shop").info("sold", sku="A1")
        logging.getLogger("shop").info("plain")
        """,
        2,
    ),
    "structlog configured after us": (
        """
        import structlog
        begin()
        structlog.configure(processors=[structlog.processors.JSONRenderer()])
        structlog.get_logger().info("sold", sku="A1")
        """,
        0,
    ),
    "the handler of last resort": (
        """
        import logging
        begin()
        logging.info("not printed")
        logging.getLogger("shop").warning("low: %s", 3)
        logging.getLogger("shop").error("failed", exc_info=ValueError("x"))
        """,
        2,
    ),
    "basicConfig after us": (
        """
        import logging
        begin()
        logging.getLogger("shop").warning("before")
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s|%(name)s|%(lineno)d|%(funcName)s|%(message)s")
        logging.getLogger("shop").info("after", extra={"sku": "A1"})
        logging.getLogger("shop").debug("after")
        """,
        2,
    ),
    "basicConfig by the first line": (
        """
        import logging
        begin()
        logging.warning("root line")
        print(len(logging.getLogger().handlers), logging.lastResort.level)
        """,
        1,
    ),
    "dictConfig after us": (
        """
        import logging.config
        begin()
        logging.config.dictConfig({
            "version": 1, "formatters": {"f": {"format": "%(name)s %(message)s"}},
            "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f", "stream": "ext://sys.stdout"}},
            "root": {"handlers": ["h"], "level": "INFO"},
        })
        logging.getLogger("shop").info("configured")
        """,
        1,
    ),
    "every attribute as JSON": (
        """
        import json, logging
        class All(logging.Formatter):
            def format(self, record):
                skipped = ("created", "msecs", "relativeCreated", "process", "thread", "lineno")
                return json.dumps({k: str(v) for k, v in vars(record).items() if k not in skipped})
        handler = logging.StreamHandler()
        handler.setFormatter(All())
        logging.getLogger().addHandler(handler)
        begin()
        logging.getLogger("shop").warning("low %s", 3, extra={"sku": "A1"})
        """,
        1,
    ),
    "arguments that do not fit": (
        """
        import logging
        begin()
        logging.getLogger("shop").warning("low %d", "three")
        """,
        1,
    ),
    "two handlers": (
        """
        import logging, sys
        for stream in (sys.stdout, sys.stderr):
            logging.getLogger().addHandler(logging.StreamHandler(stream))
        begin()
        logging.getLogger("shop").warning("low")
        """,
        1,
    ),
    "Flask's own logger": (
        """
        import flask
        app = flask.Flask("shop")
        @app.get("/")
        def home():
            app.logger.warning("low: %s", 3)
            app.logger.info("not printed")
            return "hello"
        @app.get("/fails")
        def fails():
            raise LookupError("gone")
        begin()
        client = app.test_client()
        print(client.get("/").data, client.get("/fails").status, [type(h).__name__ for h in app.logger.handlers])
        """,
        2,
    ),
}


@pytest.mark.parametrize(("program", "noted"), PROGRAMS.values(), ids=PROGRAMS)
def test_output_is_byte_equal_and_the_lines_are_noted(outputs, program, noted):
    bare, with_us, lines = outputs(program)
    assert with_us == bare
    assert any(bare) and lines == noted


def test_two_programs_that_differ_are_told_apart(outputs):
    """The test above can fail: what only the wrapped program prints is seen."""
    bare, with_us, _ = outputs("import sys\nprint('convotrace.recorder' in sys.modules)")
    assert bare != with_us
