from __future__ import annotations

import pytest

from zoo.own_reference import OwnReferenceError, Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nets:build", Reference("nets", "build", {})),
        ("a.b.nets:Family.small", Reference("a.b.nets", "Family.small", {})),
        ("nets:build()", Reference("nets", "build", {})),
        (
            "nets:build(width=2, name='a:b', sizes=[1, -2.5], table={'x': None}, deep=True)",
            Reference(
                "nets", "build", {"width": 2, "name": "a:b", "sizes": [1, -2.5], "table": {"x": None}, "deep": True}
            ),
        ),
    ],
)
def test_a_reference_is_a_module_a_function_and_literal_arguments(text, expected):
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nets", "give it as module:function"),
        ("nets:", "give it as module:function"),
        (":build", "give it as module:function"),
        ("nets:build(width", "give it as module:function"),
        ("nets:build + 1", "give it as module:function"),
        ("nets", "--model nets:FUNCTION"),
        ("nets.build", "--model nets:build or nets.build:FUNCTION"),
        ("nets.py", "this is a file; give its module and function instead: --model nets:FUNCTION"),
        ("nets.py:build(width=2)", r"--model nets:build\(width=2\)"),
        ("./nets/a.py:build", "--model nets.a:build"),
        ("nets/a:build", "--model nets.a:build"),
        ("/home/me/a.py:build", "instead in /home/me: --model a:build"),
        ("../a.py:build", r"instead in \.\.: --model a:build"),
        ("nets:build(width)(2)", "give it as module:function|by name"),
        ("nets:build(3)", "every argument by name"),
        ("nets:build(**{'a': 1})", "every argument by name"),
        ("nets:build(width=other)", "the value of width is not a literal"),
        ("nets:build(width=open('x'))", "the value of width is not a literal"),
        ("nets:build(width=__import__('os').getcwd())", "the value of width is not a literal"),
    ],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(OwnReferenceError, match=message):
        parse_reference(text)
