from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from harness.backends.onnxruntime import activations, cpu
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.subnormals import Subnormals
from harness.files.onnx_graph import read_graph
from harness.machine.denormal_flag import DenormalFlag

KERNEL = np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32)
NEXT = np.random.default_rng(1).standard_normal((8, 8, 1, 1)).astype(np.float32)


def node(operator: str, inputs: str, output: str) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output])


def write(path: Path, nodes: list[onnx.NodeProto], *, beside: bool = False, **weights: Any) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 16, 16])],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    how: dict[str, Any] = {"save_as_external_data": True, "location": "n.data", "size_threshold": 0} if beside else {}
    onnx.save(model, path, **how)
    return path


def counted(path: Path, threads: int = 1) -> Subnormals:
    with OnnxRuntimeBackend().prepare(str(path), precision="fp32", batch=1, threads=threads) as session:
        session.start(np.random.default_rng(2).standard_normal((1, 3, 16, 16)).astype(np.float32))
        outputs = session.outputs()
        found = session.subnormals()
        for name, values in session.outputs().items():
            np.testing.assert_array_equal(values, outputs[name])
    assert found is not None
    return found


def test_an_ordinary_network_has_none_and_is_run_once_more_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "n.onnx", [node("Conv", "x w", "c"), node("Relu", "c", "y")], w=KERNEL)
    if DenormalFlag().raised() is not None:
        monkeypatch.setattr(activations, "subnormal_activations_percent", None)
    assert counted(path) == Subnormals(0.0, None)


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_subnormal_weights_make_subnormal_activations(tmp_path: Path, beside: bool, threads: int) -> None:
    nodes = [node("Conv", "x w", "c"), node("Conv", "c v", "y")]
    found = counted(write(tmp_path / "n.onnx", nodes, beside=beside, w=KERNEL * np.float32(1e-40), v=NEXT), threads)
    assert found.weights_percent == pytest.approx(100 * KERNEL.size / (KERNEL.size + NEXT.size), abs=0.5)
    assert found.activations_percent == pytest.approx(100, abs=1)


@pytest.mark.parametrize(
    "between",
    [
        [node("Mul", "c small", "d"), node("Mul", "d small", "e")],
        [node("Sigmoid", "c", "s"), node("Mul", "s small", "d"), node("Mul", "d small", "e")],
        [node("Div", "c large", "d"), node("Div", "d large", "e")],
    ],
    ids=["products", "sigmoid", "quotients"],
)
def test_activations_become_subnormal_without_such_weights(tmp_path: Path, between: list[onnx.NodeProto]) -> None:
    nodes = [node("Conv", "x w", "c"), *between, node("Conv", "e v", "y")]
    numbers = {"small": np.float32(1e-20), "large": np.float32(1e20)}
    found = counted(write(tmp_path / "n.onnx", nodes, w=KERNEL, v=NEXT, **numbers))
    assert found.weights_percent == 0
    assert found.activations_percent is not None
    assert 20 < found.activations_percent < 70


def test_where_the_flag_is_not_known_the_weights_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DenormalFlag, "raised", lambda _self: None)
    plain = write(tmp_path / "n.onnx", [node("Conv", "x w", "y")], w=KERNEL)
    assert counted(plain) == Subnormals(0.0, None)
    tiny = write(tmp_path / "t.onnx", [node("Conv", "x w", "c"), node("Relu", "c", "y")], w=KERNEL * np.float32(1e-40))
    assert counted(tiny).activations_percent == pytest.approx(75, abs=2)


def test_a_count_that_fails_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: Any) -> float:
        raise OSError("No space left on device")

    monkeypatch.setattr(activations, "subnormal_activations_percent", fails)
    monkeypatch.setattr(DenormalFlag, "raised", lambda _self: True)
    assert counted(write(tmp_path / "n.onnx", [node("Conv", "x w", "y")], w=KERNEL)) == Subnormals(0.0, None)


def test_other_providers_count_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "n.onnx", [node("Conv", "x w", "y")], w=KERNEL)
    with OnnxRuntimeBackend().prepare(str(path), precision="fp32", batch=1, threads=1) as session:
        monkeypatch.setattr(cpu, "_CPU_PROVIDER", "another")
        assert session.subnormals() is None


def test_what_is_looked_at(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("Conv", "a w", "b"), node("Abs", "b", "c"), node("Conv", "c v", "y")]
    assert activations.activations(read_graph(write(tmp_path / "n.onnx", nodes, w=KERNEL, v=NEXT))) == ["a", "b", "c"]
    without = [node("Relu", "x", "a"), node("Abs", "a", "y")]
    assert activations.activations(read_graph(write(tmp_path / "n.onnx", without))) == ["a"]


def test_of_a_deep_network_some_are_looked_at(tmp_path: Path) -> None:
    square = NEXT[:3, :3]
    nodes = [node("Conv", f"{f'h{index}' if index else 'x'} w", f"h{index + 1}") for index in range(100)]
    names = activations.activations(read_graph(write(tmp_path / "n.onnx", nodes, w=square)))
    assert len(names) == 99
    chosen = activations._evenly(names)
    assert len(chosen) == len(set(chosen)) == 32
    assert chosen[0] == "h1"
