"""What templates write is escaped exactly as they would escape it themselves, and every template is written so."""

from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import Markup, escape

from convotrace.page.render import _environment
from convotrace.page.written import Written, written


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


def test_the_templates_of_the_page_are_written_so():
    assert type(_environment().get_template("list.html")) is Written
    assert _environment().get_template("list.html").root_render_func.__globals__["escape"] is written
