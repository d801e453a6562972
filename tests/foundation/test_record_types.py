from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from foundation.record_types import array, check_types


@dataclasses.dataclass(frozen=True)
class Inner:
    size: int


@dataclasses.dataclass(frozen=True)
class Outer:
    name: str = "a"
    seconds: float = 1.5
    limit: int | None = None
    hot: bool = False
    kind: Literal["ok", "failed"] = "ok"
    names: tuple[str, ...] = ("a", "b")
    inner: Inner = Inner(1)
    inners: tuple[Inner, ...] = (Inner(1),)
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@pytest.mark.parametrize(
    "values",
    [{}, {"seconds": 1}, {"limit": 3}, {"names": ()}, {"inners": ()}, {"facts": {"a": [1]}}, {"kind": "failed"}],
)
def test_values_of_the_declared_types_pass(values: dict[str, Any]) -> None:
    check_types(Outer(**values))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"name": 3}, "name is 3"),
        ({"name": None}, "name is None"),
        ({"seconds": "1.5"}, "seconds is '1.5'"),
        ({"seconds": True}, "seconds is True"),
        ({"limit": 1.5}, "limit is 1.5"),
        ({"limit": False}, "limit is False"),
        ({"hot": 1}, "hot is 1"),
        ({"kind": "odd"}, "kind is 'odd'"),
        ({"names": ["a"]}, r"names is \['a'\]"),
        ({"names": ("a", 1)}, r"names is \('a', 1\)"),
        ({"inner": {"size": 1}}, "inner is "),
        ({"inner": Inner("1")}, "size is '1'"),  # type: ignore[arg-type]
        ({"inners": (Inner(1), Inner(None))}, "size is None"),  # type: ignore[arg-type]
        ({"facts": [1]}, r"facts is \[1\]"),
        ({"name": [0] * 1000}, r"name is \[0, 0.{40,60}$"),
    ],
)
def test_another_type_is_refused_with_the_field(values: dict[str, Any], named: str) -> None:
    with pytest.raises(TypeError, match=named):
        check_types(Outer(**values))


def test_only_an_array_becomes_a_tuple() -> None:
    assert array(["sm86", "sm89"]) == ("sm86", "sm89")
    for other in ("sm86", {"sm86": 1}, None, 86):
        with pytest.raises(TypeError, match="is not an array"):
            array(other)
