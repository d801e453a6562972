"""Equal graphs are equal files, whatever numbers an exporter gave its names."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from converters.numbering import number_in_order


def graph(numbers: tuple[int, int, int], backwards: bool = False) -> onnx.ModelProto:
    """x * (two + two) + one, with generated names and constants in any order."""
    first, second, third = numbers
    two, one, product = f"const__{first}", f"const__{second}", f"x_Mul__{third}"
    nodes = [
        helper.make_node("Add", [two, two], [f"four__{third}"], name=f"Add__{first}"),
        helper.make_node("Mul", ["x", f"four__{third}"], [product], name=f"Mul__{second}"),
        helper.make_node("Add", [product, one], ["y"], name=f"Add__{third}"),
    ]
    constants = [numpy_helper.from_array(np.float32([value]), name) for name, value in ((two, 2), (one, 1))]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y", product)]
    made = helper.make_graph(
        nodes, "graph", ends[:1], ends[1:2], constants[:: -1 if backwards else 1], value_info=ends[2:]
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def numbered(model: onnx.ModelProto) -> onnx.ModelProto:
    number_in_order(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def test_graphs_that_differ_in_numbers_alone_become_equal() -> None:
    found = {
        numbered(graph(numbers, backwards)).SerializeToString(deterministic=True)
        for numbers, backwards in itertools.product([(3, 5, 9), (7, 2, 400)], (False, True))
    }
    assert len(found) == 1


def test_names_are_numbered_from_the_first_and_those_of_the_ends_stay() -> None:
    made = numbered(graph((7, 2, 400))).graph
    assert [node.name for node in made.node] == ["Add", "Mul", "Add__2"]
    assert [list(node.input) for node in made.node] == [["const", "const"], ["x", "four"], ["x_Mul", "const__2"]]
    assert [tensor.name for tensor in made.initializer] == ["const", "const__2"]
    assert [value.name for value in made.value_info] == ["x_Mul"]
    assert (made.input[0].name, made.output[0].name) == ("x", "y")


def test_the_graph_computes_the_same() -> None:
    session = onnxruntime.InferenceSession(
        numbered(graph((3, 5, 9))).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": np.float32([3])})[0].tolist() == [13.0]


def test_a_graph_with_subgraphs_stays_as_it_is() -> None:
    model = graph((3, 5, 9))
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["x_Mul__9"], ["z"], then_branch=branch, else_branch=branch))
    before = model.SerializeToString(deterministic=True)
    number_in_order(model)
    assert model.SerializeToString(deterministic=True) == before
