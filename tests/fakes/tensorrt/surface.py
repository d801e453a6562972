"""The real interface as data, and classes that refuse whatever is not in it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parents[2] / "data" / "tensorrt_api.json"


@functools.cache
def interface(version: str) -> dict[str, Any]:
    """Classes, enumerations and functions of one version."""
    versions: dict[str, dict[str, Any]] = json.loads(_DATA.read_text(encoding="utf-8"))["versions"]
    return versions[version]


class EnumMember:
    """A member of a pybind11 enumeration: it has a name and a value, and is no integer, but converts to one."""

    __members__: dict[str, EnumMember]

    def __init__(self, value: int) -> None:
        self.value = value

    @property
    def name(self) -> str:
        return next((name for name, member in self.__members__.items() if member.value == self.value), "???")

    def __int__(self) -> int:
        return self.value

    def __index__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}: {self.value}>"


def make_enum(name: str, members: list[str], values: dict[str, int] | None) -> type:
    """The enumeration, with its members as attributes and in `__members__`.

    Without the real numbers, they are numbered from 1.
    """
    kind = type(name, (EnumMember,), {"__members__": {}})
    for number, member in enumerate(members, 1):
        kind.__members__[member] = kind(number if values is None else values[member])
        setattr(kind, member, kind.__members__[member])
    return kind


class Behaviour:
    """Base of the implementation of a class; attributes that begin with `_` are the fake's own."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not isinstance(getattr(type(self), name, None), property):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        object.__setattr__(self, name, value)


class OpenBehaviour:
    """Base of classes intended for derivation, whose instances accept any attribute."""


class _Absent:
    """An attribute of the implementation that the version lacks."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(f"{owner.__name__!r} has no attribute {self._name!r} in this version of TensorRT")


def guard(
    name: str, behaviour: type, version: str, types: dict[str, type], calls: list[str], constants: dict[str, Any]
) -> type:
    """The class with this name, as in the version.

    `types` are the module's classes and enumerations, against which arguments are checked; `constants`
    are class attributes, such as the levels of a logger.
    """
    members = interface(version)["classes"][name]
    namespace: dict[str, Any] = {
        attribute: _Absent(attribute)
        for attribute in dir(behaviour)
        if not attribute.startswith("_") and attribute not in members
    }
    for member, description in members.items():
        if member in constants:
            namespace[member] = constants[member]
        elif description == "property":
            namespace[member] = _property(name, member, behaviour)
        elif isinstance(description, list):
            namespace[member] = _method(name, member, behaviour, description, types, calls)
        elif member == "__init__":
            namespace[member] = _no_constructor(name)
    return type(name, (behaviour,), namespace)


def instance_of(kind: type, **state: Any) -> Any:
    """An object of a class that has no constructor, with the fake's own attributes set."""
    made = kind.__new__(kind)
    for attribute, value in state.items():
        object.__setattr__(made, attribute, value)
    return made


def _property(owner: str, member: str, behaviour: type) -> property:
    found = getattr(behaviour, member, None)
    if isinstance(found, property):
        return found

    def missing(*_: Any) -> Any:
        raise NotImplementedError(f"The fake TensorRT does not play {owner}.{member}.")

    return property(missing, missing)


def _method(
    owner: str, member: str, behaviour: type, signatures: list[str], types: dict[str, type], calls: list[str]
) -> Callable[..., Any]:
    implementation = getattr(behaviour, member, None)
    overloads = [parse_signature(text) for text in signatures]

    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        calls.append(f"{owner}.{member}")
        for parameters in overloads:
            bound = bind(parameters, arguments, keywords, types)
            if bound is not None:
                break
        else:
            raise TypeError(f"{owner}.{member}(): incompatible arguments {arguments} {keywords}; it has {signatures}")
        if implementation is None or (member.startswith("__") and not _written(behaviour, member)):
            if member == "__init__":
                self._initialised = True
                return None
            raise NotImplementedError(f"The fake TensorRT does not play {owner}.{member}.")
        return implementation(self, *bound)

    return call


def _written(behaviour: type, member: str) -> bool:
    """Whether the behaviour or a base of it defines the method, not only `object`."""
    return any(member in kind.__dict__ for kind in behaviour.__mro__ if kind is not object)


def _no_constructor(name: str) -> Callable[..., None]:
    def refuse(self: Any, *arguments: Any, **keywords: Any) -> None:
        raise TypeError(f"{name}: No constructor defined!")

    return refuse


def parse_signature(text: str) -> list[tuple[str, str, str]]:
    """Name, type and default of each parameter after `self`, from pybind11's text; "" is no default."""
    inside = text[text.index("(") + 1 : text.rindex(") ->")]
    parts, depth, current = [], 0, ""
    for character in inside:
        depth += (character in "[(<") - (character in "])>")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    found = []
    for part in parts:
        declared, _, default = part.partition(" = ")
        name, _, kind = declared.partition(": ")
        found.append((name.strip(), kind.strip(), default.strip()))
    return [parameter for parameter in found if parameter[0] not in ("self", "")]


def bind(
    parameters: list[tuple[str, str, str]], arguments: tuple[Any, ...], keywords: dict[str, Any], types: dict[str, Any]
) -> list[Any] | None:
    """The arguments in the order of the parameters, without trailing defaults; None if they do not match."""
    if len(arguments) > len(parameters) or set(keywords) - {name for name, _, _ in parameters[len(arguments) :]}:
        return None
    bound: list[Any] = []
    for position, (name, kind, default) in enumerate(parameters):
        if position < len(arguments):
            value = arguments[position]
        elif name in keywords:
            value = keywords[name]
        elif default:
            break
        else:
            return None
        if not (value is None and default == "None") and not fits(value, kind, types):
            return None
        bound.append(value)
    return bound


def fits(value: Any, kind: str, types: dict[str, Any]) -> bool:
    """Whether pybind11 accepts the value for a parameter of this type; types that the fake lacks are not checked."""
    kind = re.sub(r"^(nvinfer1|nvonnxparser)::", "", kind).replace("::", ".")
    if kind == "int":
        return hasattr(value, "__index__") and not isinstance(value, EnumMember)
    if kind == "typing.SupportsInt":
        return hasattr(value, "__index__")
    if kind in ("float", "typing.SupportsFloat"):
        return hasattr(value, "__float__") or hasattr(value, "__index__")
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "str":
        return isinstance(value, (str, bytes))
    if kind in ("buffer", "typing_extensions.Buffer"):
        return isinstance(value, (bytes, bytearray, memoryview)) or hasattr(value, "__buffer__")
    if kind not in types:
        return True
    if isinstance(value, OpenBehaviour) and not getattr(value, "_initialised", False):
        raise TypeError(f"{kind}.__init__() must be called when overriding __init__")
    return isinstance(value, types[kind])
