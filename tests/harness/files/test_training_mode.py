from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from harness.files.onnx_graph import read_graph
from harness.files.training_mode import training_notes

T = onnx.TensorProto
X = helper.make_tensor_value_info("x", T.FLOAT, [1, 4, 8, 8])
STATISTICS = {name: np.ones(4, np.float32) for name in ("scale", "bias", "mean", "var")}


def write(
    path: Path,
    nodes: list[onnx.NodeProto],
    *inputs: onnx.ValueInfoProto,
    opset: int = 17,
    functions: Any = (),
    **weights: Any,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [X, *inputs],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    imports = [helper.make_opsetid("", opset), *([helper.make_opsetid("mine", 1)] if functions else [])]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8, functions=list(functions)), path)
    return path


def notes(path: Path) -> list[str]:
    return training_notes(read_graph(path))


def draws(path: Path, **more: Any) -> bool:
    """Whether two inferences of the real runtime differ."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {"x": np.ones((1, 4, 8, 8), np.float32), **more}
    return bool((session.run(None, feed)[0] != session.run(None, feed)[0]).any())


def constant(name: str, value: bool) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(value)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("where", ["weights", "constant", "integers"])
def test_dropout_in_training_mode(tmp_path: Path, where: str, training: bool) -> None:
    dropout = helper.make_node("Dropout", ["x", "ratio", "training"], ["y"], name="drop1")
    nodes = [constant("training", training), dropout] if where == "constant" else [dropout]
    weights: dict[str, Any] = {"ratio": np.float32(0.5)}
    if where == "weights":
        weights["training"] = training
    path = write(tmp_path / "n.onnx", nodes, **weights)
    if where == "integers":
        model = onnx.load(path)
        model.graph.initializer.append(helper.make_tensor("training", T.BOOL, [], [training]))
        onnx.save(model, path)
    assert draws(path) == training
    if not training:
        assert notes(path) == []
        return
    (note,) = notes(path)
    assert note.startswith("the graph draws random numbers (1 node: Dropout 'drop1')")
    assert note.endswith("export it for inference (model.eval())")


def test_dropout_that_an_input_turns_on(tmp_path: Path) -> None:
    nodes = [helper.make_node("Dropout", ["x", "ratio", "training"], ["y"])]
    asked = helper.make_tensor_value_info("training", T.BOOL, [])
    path = write(tmp_path / "n.onnx", nodes, asked, ratio=np.float32(0.5))
    assert draws(path, training=np.array(True))
    assert "1 node: Dropout 'y'" in notes(path)[0]


@pytest.mark.parametrize("opset", [9, 11, 17])
def test_dropout_as_exported_for_inference_says_nothing(tmp_path: Path, opset: int) -> None:
    path = write(tmp_path / "n.onnx", [helper.make_node("Dropout", ["x"], ["y"])], opset=opset)
    assert notes(path) == []
    assert not draws(path)


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes"),
    [
        ("RandomNormal", [], {"shape": [1, 4, 8, 8]}),
        ("RandomUniform", [], {"shape": [1, 4, 8, 8]}),
        ("RandomNormalLike", ["x"], {}),
        ("RandomUniformLike", ["x"], {}),
        ("Bernoulli", ["half"], {}),
    ],
)
def test_random_operators(tmp_path: Path, operator: str, inputs: list[str], attributes: dict[str, Any]) -> None:
    nodes = [
        helper.make_node("Mul", ["x", "factor"], ["half"]),
        helper.make_node(operator, inputs, ["noise"], name="noisy", **attributes),
        helper.make_node("Add", ["half", "noise"], ["y"]),
    ]
    path = write(tmp_path / "n.onnx", nodes, factor=np.float32(0.5))
    assert draws(path)
    assert f"1 node: {operator} 'noisy'" in notes(path)[0]


def test_random_operators_in_branches_and_functions(tmp_path: Path) -> None:
    noise = [helper.make_node("RandomNormalLike", ["x"], ["n"], name="inside")]
    branch = helper.make_graph(noise, "b", [], [helper.make_tensor_value_info("n", T.FLOAT, [1, 4, 8, 8])])
    either = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    path = write(tmp_path / "branch.onnx", [either], yes=True)
    assert draws(path)
    assert "2 nodes: RandomNormalLike 'inside'" in notes(path)[0]
    function = helper.make_function("mine", "Noisy", ["x"], ["n"], noise, [helper.make_opsetid("", 17)])
    called = write(tmp_path / "f.onnx", [helper.make_node("Noisy", ["x"], ["y"], domain="mine")], functions=[function])
    assert draws(called)
    assert "1 node: RandomNormalLike 'inside'" in notes(called)[0]


def test_an_operator_of_another_domain_is_not_onnxs(tmp_path: Path) -> None:
    path = write(tmp_path / "n.onnx", [helper.make_node("RandomNormalLike", ["x"], ["y"], domain="mine")])
    assert notes(path) == []


@pytest.mark.parametrize(
    ("opset", "outputs", "attributes", "training"),
    [
        (17, ["y", "m", "v"], {"training_mode": 1}, True),
        (17, ["y"], {"training_mode": 0}, False),
        (15, ["y"], {}, False),
        (9, ["y", "m", "v", "sm", "sv"], {}, True),
        (9, ["y"], {}, False),
    ],
)
def test_batch_normalisation(
    tmp_path: Path, opset: int, outputs: list[str], attributes: dict[str, int], training: bool
) -> None:
    nodes = [helper.make_node("BatchNormalization", ["x", *STATISTICS], outputs, name="bn", **attributes)]
    path = write(tmp_path / "n.onnx", nodes, opset=opset, **STATISTICS)
    if training:
        assert "by the statistics of each batch (1 node: BatchNormalization 'bn')" in notes(path)[0]
    else:
        assert notes(path) == []


def test_what_pytorch_exports_in_training_mode(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3), torch.nn.Dropout(0.5)).train()
    path = tmp_path / "n.onnx"
    with pytest.warns(UserWarning, match="training mode"):
        torch.onnx.export(network, (torch.ones(1, 4, 8, 8),), path, dynamo=True, input_names=["x"], verbose=False)
    assert draws(path)
    assert ["Dropout" in note for note in notes(path)] == [True]
