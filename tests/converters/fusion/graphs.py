"""Small graphs written as text, and what ONNX Runtime makes of them before and after the rules."""

from __future__ import annotations

import collections

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from converters.fusion.fuse import fuse

TOLERANCE = 1e-6


def graph(
    body: str, *, opset: int = 18, shape: str = "2,8,7,5", kind: str = "float", **constants: object
) -> onnx.ModelProto:
    """A graph from `x` to `y`.

    Args:
        body: its nodes, a statement each.
        opset: the operator set.
        shape: that of `x`.
        kind: element type of `x` and `y`.
        constants: the numbers or arrays that become initializers, in float32 unless they are arrays.
    """
    text = f'<ir_version: 8, opset_import: ["" : {opset}]> g ({kind}[{shape}] x) => ({kind}[a,b,c,d] y) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    for name, value in constants.items():
        array = value if isinstance(value, np.ndarray) else np.array(value, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    onnx.checker.check_model(model)
    return model


def fused(model: onnx.ModelProto, precision: str = "fp32") -> tuple[collections.Counter[str], dict[str, int]]:
    """The operators of the graph after the rules of ONNX Runtime, which computes the same, and the counts by rule.

    Raises:
        AssertionError: it computes something else, or inputs, outputs or versions changed.
    """
    before = model.SerializeToString()
    changed, counts = fuse(model, "onnxruntime", precision)
    assert model.SerializeToString() == before
    onnx.checker.check_model(changed, full_check=True)
    assert changed.graph.input == model.graph.input
    assert changed.graph.output == model.graph.output
    assert (changed.ir_version, changed.opset_import) == (model.ir_version, model.opset_import)
    for scale in (0.1, 1.0, 10.0):
        first, second = (_run(one, scale) for one in (model, changed))
        assert first.shape == second.shape
        assert np.linalg.norm(second - first) <= TOLERANCE * np.linalg.norm(first)
    return collections.Counter(node.op_type for node in changed.graph.node), {
        name: count for name, count in counts.items() if count
    }


def _run(model: onnx.ModelProto, scale: float) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}[source.type]
    values = (np.random.default_rng(0).standard_normal(source.shape) * scale * 3).astype(dtype)
    return session.run(None, {source.name: values})[0]
