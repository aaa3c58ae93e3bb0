"""Templates to HTML: one Jinja environment that escapes everything, with the page's ways to write numbers and times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from convotrace.export.records import iso
from convotrace.identity import session_key
from convotrace.model import Trace
from convotrace.page import (
    attachments,
    format,
    hints,
    messages,
    signs,
    small,
    steps,
    tree,
    turn_view,
    turn_words,
    values,
)
from convotrace.page import score_words as scores
from convotrace.page.http import PageResponse, html
from convotrace.page.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment


def page(template: str, view: Mapping[str, object], status: int = 200) -> PageResponse:
    """Return a finished page.

    Args:
        template: File name in the templates folder.
        view: What the template shows.
        status: HTTP status.
    """
    return html(_environment().get_template(template).render(view), status)


def unit(text: str) -> Markup:
    """Return a number with its unit small: for "3.98 s" and "214 MB"."""
    number, space, name = text.rpartition(" ")
    if not space or not name.isalpha() or " " in number:
        return escape(text)
    # Letters need no escaping; a list has hundreds of these, and Markup's own `format` takes ten times as long.
    return Markup(f'{escape(number)} <span class="u">{name}</span>')


def told(text: str) -> str:
    """Return a text with unseen characters as escapes; of a very long one the beginning, and how much is missing."""
    left = values.left_out(text)
    return f"{visible(values.capped(text))}… {left:,} more characters" if left else visible(text)


def lasted(trace: Trace, now_ns: int) -> Markup:
    """Return how long a turn took, or how long it has been running: a script lets that go on."""
    if trace.status != "running":
        return unit(format.duration(trace.duration_ns))
    elapsed_ns = max(now_ns - trace.started_ns, 0)
    return Markup(
        f'<span class="so-far" data-so-far="{elapsed_ns // 10**6}" title="still running">'
        f"{format.so_far(elapsed_ns)}</span>"
    )


_NUMBERS: dict[str, Callable[..., object]] = {
    "duration": format.duration, "seconds": format.seconds, "tokens": format.tokens, "cost": format.cost,
    "cost_column": format.cost_column, "count": format.count, "share": format.share, "plural": format.plural,
    "moment": format.moment, "day_and_clock": format.day_and_clock, "clock": format.clock,
    "log_clock": format.log_clock, "gap": format.gap, "size": format.size, "ends": format.both_ends,
    "cut": format.cut_end, "scored": format.score, "iso": iso, "unit": unit,
}  # fmt: skip
_RECORDS: dict[str, Callable[..., object]] = {
    "visible": told, "whose": scores.whose, "in_words": scores.words, "thumbs": scores.thumbs,
    "tone": scores.tone, "by_name": scores.by_name,
    "is_written": scores.is_written, "log_tone": scores.log_tone, "kind": signs.kind,
    "facts": steps.facts, "calls_line": turn_words.calls_line, "handed_off": turn_view.is_handed_off,
    "hidden_lines": turn_view.hidden_lines, "pretty": values.pretty, "one_line": values.result_line,
    "key": session_key, "hint": hints.hint, "first_hint": hints.first_hint, "is_shown": attachments.is_shown,
    "why_absent": attachments.why_absent, "link_of": attachments.link_of, "host_of": attachments.host_of,
    "first_line": messages.first_line, "shown": tree.shown,
    "capped": values.capped, "left_out": values.left_out, "mark": small.mark, "time": small.time, "strip": small.strip,
    "lasted": lasted,
}  # fmt: skip


@cache
def _environment() -> Environment:
    # Imported here: most processes that carry the middleware never show a page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from convotrace.page.written import Calling, Written

    environment = Environment(
        loader=PackageLoader("convotrace.page"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )  # fmt: skip
    environment.template_class, environment.context_class = Written, Calling
    environment.filters |= {**_NUMBERS, **_RECORDS}
    return environment
