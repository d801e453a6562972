"""The reference of a user network: `module:function`, or `module:function(name=value)` with literal values."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from zoo.errors import ZooError

_FORM = "give it as module:function or module:function(name=value)"


class OwnReferenceError(ZooError):
    """A reference to a user network that has another form."""


@dataclasses.dataclass(frozen=True)
class Reference:
    """Which function builds a user network, and what it is called with."""

    module: str
    function: str
    """Its name in the module; dotted for one in a class."""
    arguments: Mapping[str, Any]


def parse_reference(text: str) -> Reference:
    """The parts of a reference. The values are read as literals; nothing is executed.

    Args:
        text: as in `package.networks:build(width=2)`.

    Raises:
        OwnReferenceError: it has another form, or a value is not a literal.
    """
    module, _, call = text.partition(":")
    try:
        expression = ast.parse(call.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise OwnReferenceError(f"{text}: {_FORM}") from error
    arguments: Mapping[str, Any] = {}
    if isinstance(expression, ast.Call):
        arguments = _literals(text, expression)
        expression = expression.func
    if not all(part.isidentifier() for part in module.split(".")) or not _is_dotted_name(expression):
        raise OwnReferenceError(f"{text}: {_FORM}")
    return Reference(module, ast.unparse(expression), arguments)


def _is_dotted_name(expression: ast.expr) -> bool:
    while isinstance(expression, ast.Attribute):
        expression = expression.value
    return isinstance(expression, ast.Name)


def _literals(text: str, call: ast.Call) -> Mapping[str, Any]:
    """The keyword arguments of a call.

    Raises:
        OwnReferenceError: an argument has no name, or its value is not a literal.
    """
    values = {}
    for keyword in call.keywords:
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise OwnReferenceError(
                f"{text}: the value of {keyword.arg} is not a literal (a number, a text in quotes, True, None, or a "
                "list, tuple or dict of them)"
            ) from error
    named = {name: value for name, value in values.items() if name is not None}
    if call.args or len(named) < len(call.keywords):
        raise OwnReferenceError(f"{text}: give every argument by name, as in module:function(width=2)")
    return named
