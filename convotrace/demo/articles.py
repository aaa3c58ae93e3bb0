"""The shop's help articles and their full-text search: SQLite FTS5, ranked by BM25, three languages.

Chinese is written without spaces, so its characters are set apart before they are indexed or searched.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from convotrace.demo.language import apart, telling_words

_FILE = Path(__file__).parent / "data" / "articles.jsonl"


class Library:
    """A dozen help articles, each in English and the commonest also in Spanish and Chinese."""

    def __init__(self, path: Path = _FILE) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute("CREATE TABLE article (id TEXT, language TEXT, title TEXT, text TEXT)")
        self._db.execute("CREATE VIRTUAL TABLE words USING fts5(title, text, tokenize='unicode61 remove_diacritics 2')")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            self._add(number, json.loads(line))

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def search(self, query: str, language: str = "en", limit: int = 3) -> list[dict[str, Any]]:
        """Return the best articles for a question, best first, as documents with a score above 0."""
        words = telling_words(query)
        if not words:
            return []
        match = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            rows = self._db.execute(_SEARCH, (match, language, limit)).fetchall()
        return [_document(*row) for row in rows]

    def _add(self, number: int, article: dict[str, str]) -> None:
        values = (number, article["id"], article["language"], article["title"], article["text"])
        self._db.execute("INSERT INTO article (rowid, id, language, title, text) VALUES (?, ?, ?, ?, ?)", values)
        words = (number, apart(article["title"]), apart(article["text"]))
        self._db.execute("INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)", words)


_SEARCH = """
SELECT article.id, language, article.title, article.text, bm25(words, 3.0, 1.0) AS rank
FROM words JOIN article ON article.rowid = words.rowid
WHERE words MATCH ? AND language = ? ORDER BY rank LIMIT ?
"""


def _document(id: str, language: str, title: str, text: str, rank: float) -> dict[str, Any]:
    # BM25 of FTS5 is better the lower it is; people read higher as better.
    return {"id": id, "title": title, "text": text, "score": round(-rank, 3), "url": f"/help/{language}/{id}"}
