# Two commands do everything: `make demo` and `make test`. Both make .venv first.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: pictures coverage demo test test-postgres test-peers test-versions test-all soak chaos check bench wheel clean

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "convotrace needs Python 3.11 or newer; name it: make PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[dev]"
	@touch $@

# A demo app, a few conversations posted to it over HTTP, and the link of the page. ONCE=1 exits after a summary.
demo: $(READY)
	$(BIN)/convotrace demo $(if $(ONCE),--once --fast) $(ARGS)

# The default run: about ten minutes on two cores, with a real browser where there is one.
test: $(READY)
	$(BIN)/python -m pytest $(ARGS)

# The contract of the store on a real PostgreSQL server; its core is part of the default run.
test-postgres: $(READY)
	$(BIN)/python -m pytest -m "not slow and not servers and not suites and not peers" -k postgres $(ARGS)

# Everything: long tests, real servers, shared conversations, other projects' suites.
test-all: $(READY)
	$(BIN)/python -m pytest -m "not peers" --hypothesis-profile=explore $(ARGS)

# Beside the OpenTelemetry SDK and real model clients, in venvs of their own.
test-peers: $(READY)
	$(BIN)/python -m tests.peers $(ARGS)

# Which branches of the pure rooms their tests take; fails below 95 %. Two minutes.
coverage: $(READY)
	$(BIN)/python -m tests.coverage $(ARGS)

# The core tests on every interpreter that is found, and beside the oldest dependencies that are allowed.
test-versions: $(READY)
	$(BIN)/python -m tests.versions $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Long ones: streams of ten minutes over real servers (memory flat, nothing lost, where the client left), 200 kills, and
# ten minutes of all the requests that `wrk` gets through (apt-get install wrk).
soak: $(READY)
	CONVOTRACE_SOAK=$(or $(SECONDS),600) $(BIN)/python -m pytest -q -s -m "" tests/servers/test_streams.py \
		tests/servers/test_kills.py tests/servers/test_soak.py $(ARGS)

# Five minutes of locks, killed workers, bursts and a full disk around four workers: what was sent is stored or counted.
chaos: $(READY)
	$(BIN)/python -m tests.chaos --seconds $(or $(SECONDS),300) $(ARGS)

# The pictures of the README, of the demo's own conversations.
pictures: $(READY)
	CONVOTRACE_PICTURES=$(CURDIR)/examples/pictures $(BIN)/python -m pytest -q -m "" tests/demo/test_pictures.py

bench: $(READY)
	$(BIN)/python -m tests.benchmarks $(ARGS)

wheel: $(READY)
	$(BIN)/python -m pip wheel -q --no-deps -w dist .

clean:
	rm -rf .venv .peers .versions dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
