"""The optimiser gives what PyTorch's exporter gives with it, and spares what cannot match."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import pytest
import torch
from onnxscript import rewriter

from converters import onnx_optimizer
from converters.onnx_optimizer import optimize


class Halves(torch.nn.Module):
    """Cuts its input in two, which the rule is about."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x[:, :2]) + torch.sigmoid(x[:, 2:])


class Whole(torch.nn.Module):
    """Cuts nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x) + torch.sigmoid(x)


def exported(network: torch.nn.Module, *, optimized: bool) -> torch.onnx.ONNXProgram:
    program = torch.onnx.export(
        network.eval(), (torch.zeros(1, 4, 3),), dynamo=True, opset_version=18, optimize=optimized, verbose=False
    )
    assert program is not None
    return program


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the rules that the optimiser is given."""
    names: list[str] = []
    made = rewriter.RewritePass
    monkeypatch.setattr(
        rewriter, "RewritePass", lambda rules: names.extend(str(one.name) for one in rules) or made(rules)
    )
    yield names
    assert len(rewriter._DEFAULT_REWRITE_RULES) > 40


@pytest.mark.parametrize(("network", "has_slices"), [(Halves(), True), (Whole(), False)])
def test_the_graph_is_that_of_the_exporter(network: torch.nn.Module, has_slices: bool, tried: list[str]) -> None:
    expected = exported(network, optimized=True).model_proto
    assert "SlicesSplit" in tried
    tried.clear()
    program = exported(network, optimized=False)
    optimize(program)
    assert ("SlicesSplit" in tried) is has_slices
    assert len(tried) > 40
    assert ("Slice" in {node.op_type for node in expected.graph.node}) is has_slices
    assert serialised(program.model_proto) == serialised(expected)


def serialised(model: onnx.ModelProto) -> bytes:
    """Without the stack traces, which name the line of the call."""
    for node in model.graph.node:
        del node.metadata_props[:]
    return model.SerializeToString(deterministic=True)


def test_all_rules_are_tried_where_onnxscript_has_other_names(
    monkeypatch: pytest.MonkeyPatch, tried: list[str]
) -> None:
    monkeypatch.setattr(onnx_optimizer, "_RULES", "_OF_ANOTHER_VERSION")
    program = exported(Whole(), optimized=False)
    optimize(program)
    assert "SlicesSplit" in tried


def test_rules_of_another_form_are_kept() -> None:
    assert not onnx_optimizer._is_futile(object(), set())
