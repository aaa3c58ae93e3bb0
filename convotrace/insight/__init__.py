"""Folds over records: what several of them say together. Pure: nothing here reads a store, a clock or a file.

`join.py` puts the parts of one trace together, `totals.py` counts its tokens once, `echo.py` marks a call known from
its reply alone; `places.py` tells where a change belongs; `deciding.py` decides for a request, by `continuity.py` and
`history.py` (a history sent again) or `awaited.py` and `parts.py` (an answer fetched later); `versions.py` orders
turns; `turn_diff.py` tells what changed from one to another (by `prompts.py` and `differences.py`), `lens.py` what
a model had before it in each (by `context.py` and `returning.py`). Many turns: `sums.py` adds them up, `sketch.py`
their times, `ranges.py` says over what time, `tally.py` makes records of that, `measures.py` names each number.
`tool_use.py` tells calls at a wrong moment, `tool_report.py` what tools and documents were worth. `rules.py` and
`session_rules.py` say when alerts speak (`rule_file.py` reads them from TOML, `rehearsal.py` is what one would have
told), `spending.py` what a session has come to, `budgets.py` what happens then.
"""
