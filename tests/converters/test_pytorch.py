from __future__ import annotations

import collections

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from converters import pytorch
from converters.errors import ConversionError


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 5),
    ).eval()


@pytest.mark.parametrize("exporter", pytorch.EXPORTERS)
@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_graph_is_static_named_and_computes_the_network(network, exporter, opset, batch):
    model = pytorch.export(network, exporter=exporter, opset=opset, batch=batch, resolution=10)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [(value.name, value.shape) for value in session.get_inputs()] == [("input", [batch, 3, 10, 10])]
    assert [(value.name, value.shape) for value in session.get_outputs()] == [("logits", [batch, 5])]
    assert model.opset_import[0].version == opset
    assert model.ir_version <= 8
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    image = np.random.default_rng(0).standard_normal((batch, 3, 10, 10)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(image)).numpy()
    np.testing.assert_allclose(session.run(None, {"input": image})[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("exporter", pytorch.EXPORTERS)
def test_two_exports_are_the_same_bytes(network, exporter):
    digests = collections.Counter(
        pytorch.export(network, exporter=exporter, opset=18, batch=1, resolution=10).SerializeToString(
            deterministic=True
        )
        for _ in range(2)
    )
    assert len(digests) == 1


def test_the_graph_holds_no_path_of_the_machine_that_made_it(network):
    text = pytorch.export(network, exporter="dynamo", opset=18, batch=1, resolution=10).SerializeToString()
    assert b".py" not in text


@pytest.mark.parametrize(
    ("exporter", "opset", "message"), [("tracing", 18, "unknown exporter"), ("dynamo", 11, "opset 11 is too old")]
)
def test_a_wrong_request_is_refused(network, exporter, opset, message):
    with pytest.raises(ConversionError, match=message):
        pytorch.export(network, exporter=exporter, opset=opset, batch=1, resolution=10)


def test_an_opset_that_the_exporter_did_not_write_is_an_error(network, monkeypatch):
    """If it cannot convert, the dynamo exporter keeps its own opset and writes a log line."""
    monkeypatch.setattr(pytorch, "lower_to_17", lambda model: model)
    with pytest.raises(ConversionError, match="wrote opset 18 instead of 17"):
        pytorch.export(network, exporter="dynamo", opset=17, batch=1, resolution=10)
