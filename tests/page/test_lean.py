"""What is sent of styles and scripts says what is written, in less."""

import re

import pytest

from convotrace.page.assets import assets
from convotrace.page.lean import script, style


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/* H */\n.a { color: red; }\n\n.b > .c,\n.d i { margin: 0; }\n", ".a{color:red}.b>.c,.d i{margin:0}"),
        ('.a::before { content: "a:  b; /* c */ } "; }', '.a::before{content:"a:  b; /* c */ } "}'),
        (".a :hover { width: calc(100% - 2px + 1em); }", ".a :hover{width:calc(100% - 2px + 1em)}"),
        ("@media (max-width: 719px) {\n  .a { top: 0; }\n}", "@media (max-width:719px){.a{top:0}}"),
        (".a /* b */ .c { }", ".a .c{}"),
        (":root { --line: #eee; }", ":root{--line:#eee}"),
    ],
)  # fmt: skip
def test_a_style_loses_what_says_nothing(written, sent):
    assert style(written) == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("// Head.\nconst a = 1;\n\n  // inside\n  if (a) b();\n", "const a = 1;\nif (a) b();\n"),
        ("/** What.\n * More. */\nfunction a() {\n  return 1; // one\n}\n", "function a() {\nreturn 1; // one\n}\n"),
        ('const a = "//b";\n  const c = `x // ${a}`;\n', 'const a = "//b";\nconst c = `x // ${a}`;\n'),
        ("const a = `one\n  two`;\n", "const a = `one\n  two`;\n"),
        ("let a = 1\n/* b */ let c\n", "let a = 1\n/* b */ let c\n"),
    ],
)  # fmt: skip
def test_a_script_loses_comments_and_indentation(written, sent):
    assert script(written) == sent


def test_all_that_is_sent_is_lean():
    for name, asset in assets().items():
        text = asset.body.decode()
        if name.endswith(".css"):
            assert not re.search(r"/\*|\n|  ", re.sub(r'"[^"]*"', "", text)), name
        if name.endswith(".js"):
            assert not re.search(r"^\s|^//|^/\*", text, re.MULTILINE), name
