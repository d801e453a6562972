"""What a failed export says: the other exporter is recommended only if it takes the network."""

from __future__ import annotations

import pytest
import torch

from converters import exporting
from converters.errors import ConversionError
from converters.exporting import export
from converters.request import ConversionRequest
from zoo.own import card
from zoo.own_model import OwnModel


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())


def exported(module, exporter="torchscript"):
    model = OwnModel(card("nets:build", 16), module)
    return export(model, ConversionRequest("nets:build", exporter=exporter))


class Inverse(torch.nn.Module):
    """The older exporter has no rule for its operator."""

    def forward(self, images):
        rows = images.mean((2, 3))
        return rows + torch.vdot(rows[0], rows[0])


class Listing(torch.nn.Module):
    """No exporter takes what it returns."""

    def forward(self, images):
        return object()


def test_an_exporter_that_takes_the_network_is_named():
    with pytest.raises(ConversionError, match=r"vdot.*; the dynamo exporter takes the network: --exporter dynamo$"):
        exported(Inverse())
    with pytest.raises(ConversionError, match=r"the torchscript exporter takes the network: --exporter torchscript$"):
        exported(torch.jit.trace(network(), torch.zeros(1, 3, 16, 16)), "dynamo")


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_an_exporter_that_fails_too_is_not_recommended(exporter):
    with pytest.raises(ConversionError, match="exporter fails too") as error:
        exported(Listing(), exporter)
    assert "--exporter" not in str(error.value)


def test_the_other_exporter_is_not_tried_when_memory_is_short(monkeypatch):
    tried = []

    def fail(native, request):
        tried.append(request.exporter)
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(exporting, "_exported", fail)
    with pytest.raises(ConversionError, match="can't allocate memory"):
        exported(network())
    assert tried == ["torchscript"]


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_weights_that_no_file_can_hold_are_named_as_such(exporter, monkeypatch):
    monkeypatch.setattr(exporting, "LARGEST_WEIGHTS_BYTES", 4 * 27 * 4 + 15)
    with pytest.raises(ConversionError, match=r"holds at most 2 GiB: export the network with external data.*--onnx"):
        exported(network(), exporter)
    monkeypatch.setattr(exporting, "LARGEST_WEIGHTS_BYTES", 1000)
    assert exported(network(), exporter).graph.node


def test_weights_are_named_where_the_exporter_itself_fails_on_them(monkeypatch):
    monkeypatch.setattr(exporting, "LARGEST_WEIGHTS_BYTES", 100)

    def fail(native, request):
        raise ValueError("Failed to serialize proto")

    monkeypatch.setattr(exporting, "_exported", fail)
    with pytest.raises(ConversionError, match="an artifact is one ONNX file"):
        exported(network())
