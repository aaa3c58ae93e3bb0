"""What templates write is escaped exactly as they would escape it themselves, and every template is written so."""

from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import Markup, escape

from convotrace.page.render import _environment
from convotrace.page.written import Calling, Written, written


class Own:
    """Tells its own markup."""

    def __html__(self):
        return "<b>own</b>"


values = st.one_of(st.text(st.sampled_from("a<>&'\" é\n")), st.integers(), st.none(), st.floats(), st.builds(Own))


@given(st.one_of(values, st.text().map(Markup)))
def test_a_value_is_written_as_it_is_escaped(value):
    assert written(value) == escape(value)


@given(values)
def test_a_template_escapes_what_it_is_given_and_macros_and_blocks_are_not_escaped_again(value):
    macro = "{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}"
    source = macro + "{% set s %}<u>{{ v }}</u>{% endset %}{{ m(v) }}{{ s }}{{ v ~ '<' }}"
    usual, ours = Environment(autoescape=True), Environment(autoescape=True)
    ours.template_class = Written
    assert ours.from_string(source).render(v=value) == usual.from_string(source).render(v=value)


@given(values, values)
def test_what_a_template_calls_is_called_as_jinja_does_it(value, other):
    macros = "{% macro m(x, y=2, tail='') %}{{ x }}{{ y }}{{ tail }}{{ caller() if caller }}{% endmacro %}"
    macros += "{% macro all() %}{{ varargs }}{{ kwargs }}{% endmacro %}"
    calls = "{% block b %}{{ m(v) }}{% for one in [v, w] %}{{ m(one, tail=w) }}{{ loop.cycle(1, 2) }}{% endfor %}"
    calls += "{% call m(w) %}{{ m(v, 1) }}{% endcall %}{{ {'a': v}.get('a') }}{{ all(v, k=w) }}{% endblock %}"
    usual, ours = Environment(autoescape=True), Environment(autoescape=True)
    ours.template_class, ours.context_class = Written, Calling
    told = {"v": value, "w": other}
    assert ours.from_string(macros + calls).render(told) == usual.from_string(macros + calls).render(told)


def test_the_templates_of_the_page_are_written_so():
    assert type(_environment().get_template("list.html")) is Written and _environment().context_class is Calling
    assert _environment().get_template("list.html").root_render_func.__globals__["escape"] is written
