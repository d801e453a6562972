"""The reference of a user network: `module:function`, or `module:function(name=value)` with literal values."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from zoo.errors import ZooError

_FORM = "give it as module:function or module:function(name=value)"
_FILE_ENDING = ".py"


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
    if module.endswith(_FILE_ENDING) or "/" in module:
        raise OwnReferenceError(f"{text}: {_of_file(module, call)}")
    if not call:
        raise OwnReferenceError(f"{text}: {_without_function(module)}")
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


def _of_file(path: str, call: str) -> str:
    """What to write instead of a file's path."""
    file = PurePosixPath(path.removesuffix(_FILE_ENDING))
    # A path out of the current directory is no module's name: Python looks for modules from there.
    is_inside = not file.is_absolute() and ".." not in file.parts
    module = ".".join(file.parts) if is_inside else file.name
    where = "" if is_inside else f" in {file.parent}"
    return f"this is a file; give its module and function instead{where}: --model {module}:{call or 'FUNCTION'}"


def _without_function(module: str) -> str:
    """What to write instead of a module alone."""
    outer, _, last = module.rpartition(".")
    example = f"{outer}:{last} or {module}:FUNCTION" if outer else f"{module}:FUNCTION"
    return f"{_FORM}: which function returns the network? As in --model {example}"


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
