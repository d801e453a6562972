"""A prepared table of operators is given out once, and exports are as without it."""

from __future__ import annotations

import pytest
import torch
from torch.onnx._internal.exporter import _registration, _torchlib

from converters import operator_table, preload, pytorch
from converters.opset import SOURCE_OPSET

_REGISTRY = _registration.ONNXRegistry


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each table that is built. None is prepared, and none stays after the test."""
    _REGISTRY.from_torchlib(opset_version=SOURCE_OPSET)
    monkeypatch.setattr(_REGISTRY, "from_torchlib", vars(_REGISTRY)["from_torchlib"])
    entries: list[int] = []
    operators = _torchlib._torchlib_registry.get_torchlib_ops
    monkeypatch.setattr(_torchlib._torchlib_registry, "get_torchlib_ops", lambda: entries.append(1) or operators())
    return entries


def exported(opset: int = SOURCE_OPSET) -> bytes:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Hardswish(), torch.nn.Flatten())
    return pytorch.export(network.eval(), exporter="dynamo", opset=opset, batch=1, resolution=8).SerializeToString()


def test_the_next_export_takes_the_prepared_table_and_later_ones_their_own(built: list[int]) -> None:
    expected = exported()
    assert len(built) == 1
    operator_table.prepare(SOURCE_OPSET)
    assert len(built) == 2
    assert exported() == expected
    assert len(built) == 2
    assert exported() == expected
    assert len(built) == 3


def test_a_table_that_is_prepared_twice_is_given_out_once(built: list[int]) -> None:
    operator_table.prepare(SOURCE_OPSET)
    operator_table.prepare(SOURCE_OPSET)
    built.clear()
    exported()
    assert not built
    exported()
    assert len(built) == 1


def test_an_export_of_another_opset_builds_its_own(built: list[int]) -> None:
    expected = exported(20)
    operator_table.prepare(SOURCE_OPSET)
    built.clear()
    assert exported(20) == expected
    assert len(built) == 1


def test_a_server_has_one_prepared(built: list[int]) -> None:
    preload.warm_up()
    built.clear()
    exported()
    assert not built


def test_without_the_method_nothing_is_prepared(built: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_table, "_BUILD", "gone")
    operator_table.prepare(SOURCE_OPSET)
    exported()
    assert len(built) == 2
    assert not hasattr(_REGISTRY, "gone")
