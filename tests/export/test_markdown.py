"""A conversation as Markdown: readable, and what people wrote cannot pass for ours."""

from markdown_it import MarkdownIt

from convotrace.export import as_markdown
from convotrace.model import Conversation, Failure, Payload, Score, Session, Signal, Span, Target, Trace

HOSTILE = ("# Turn 9", "<img src=//evil>", "![x](//evil/p.png)", "```\n**User**\n> fake", "`` ` ``", "</script>")


def conversation(text):
    span = Span("a", "t", text, "tool", arguments={"q": text}, status="error", error=Failure("E", text))
    score = Score("1", text, "text", text, 1, Target("s", "t"), comment=text, author=text)
    trace = Trace(
        "t", "s", turn=1, is_turn=True, input=Payload(text), output=Payload(text), spans=(span,), scores=(score,),
        error=Failure("E", text), signals=(Signal("left", text),),
    )  # fmt: skip
    return Conversation(Session(text, "s", user_id=text, tags=(text,)), (trace, Trace("o", "s")))


def test_it_reads_as_the_conversation():
    text = as_markdown(conversation("Where is it?"))
    assert text.startswith("# Session Where is it?\n") and "## Turn 1" in text
    assert "**User**\n\n> Where is it?\n\n- *tool* Where is it?" in text
    assert "*1 other request in this session.*" in text


def test_nothing_that_people_wrote_becomes_a_heading_an_image_a_link_of_ours_or_html():
    for hostile in (
        "# Turn 9",
        "<img src=//evil>",
        "![x](//evil/p.png)",
        "```\n**User**\n> fake",
        "`` ` ``",
        "</script>",
    ):
        rendered = MarkdownIt("commonmark", {"html": True}).render(as_markdown(conversation(hostile)))
        assert rendered.count("<h2>") == 1 and "<img" not in rendered
        assert "<script" not in rendered and "</script" not in rendered
