"""Whether a record that was read from a file has the types that its class declares.

JSON has types of its own, and a dataclass takes whatever it is given: a text in the place of a number would be noticed
only where somebody calculates with it.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

_NUMBERS: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float)}


def check_types(record: Any) -> None:
    """Refuses a dataclass with a value of another type than its field's, in tuples and inner records too.

    Raises:
        TypeError: a value has another type; the message names the field.
    """
    declared = typing.get_type_hints(type(record))
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if not _is_of(value, declared[field.name]):
            raise TypeError(f"{field.name} is {value!r:.60}")


def array(value: Any) -> tuple[Any, ...]:
    """A JSON array as a tuple; of a text, `tuple` would make its characters.

    Raises:
        TypeError: it is no array.
    """
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.60} is not an array")
    return tuple(value)


def _is_of(value: Any, kind: Any) -> bool:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_is_of(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is tuple:
        return isinstance(value, tuple) and all(_is_of(one, inner[0]) for one in value)
    if kind in _NUMBERS:
        # A bool is an int to Python.
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    if not isinstance(value, origin or kind):
        return False
    if dataclasses.is_dataclass(kind):
        check_types(value)
    return True
