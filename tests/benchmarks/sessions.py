"""Lists, pages and search in a store of a million sessions of one turn each: no list may count or sort them all.

`python -m tests.benchmarks.sessions [--rounds N] [--sessions N]`. It asks what `queries` asks, where such a store has
an answer. The first run builds the store in the temp folder.
"""

from __future__ import annotations

import argparse

from tests.benchmarks import figures, queries, stores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    options = parser.parse_args()
    with stores.copied(options.sessions, "sessions") as url:
        asked = queries.opened(url, options.sessions)
        found = queries.run([asked], options.rounds, "")
        asked.observer.close()
    print(queries.table(found, "sessions"))
    print(figures.keep("sessions", {"rounds": options.rounds, "questions": found}))


if __name__ == "__main__":
    main()
