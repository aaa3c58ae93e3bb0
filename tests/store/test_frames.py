"""Rows as a data frame: the columns of CSV, times as times, whole numbers whole; without pandas one sentence."""

import sys

import pytest

from convotrace.errors import BadRequest
from convotrace.model import Usage


def test_without_pandas_it_says_what_to_type(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BadRequest, match=r"pip install 'convotrace\[dataframe\]'"):
        store.dataframe()
    with pytest.raises(BadRequest, match="what came as"):
        store.dataframe(what="nothing")


def test_each_table_is_a_frame(store, make):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    call = make.span(kind="generation", usage=Usage(7, None))
    store.write([make.change(trace=make.trace(spans=(call, make.span()))), make.change("other", user_id="ann")])
    sessions, spans = store.dataframe(), store.dataframe(what="spans")
    assert list(sessions.session_id) == ["s", "other"] and list(sessions.turns) == [1, 1]
    assert str(sessions.started_at.dtype).startswith("datetime64") and str(sessions.started_at.dt.tz) == "UTC"
    assert list(spans.input_tokens.fillna(-1)) == [7, -1] and str(spans.input_tokens.dtype) == "Int64"
    assert store.dataframe("user:ann").user_id.tolist() == ["ann"]
    assert isinstance(store.dataframe(what="scores"), pandas.DataFrame) and len(store.dataframe(what="events")) == 0
