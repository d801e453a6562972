from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from harness.backends.onnxruntime import layers
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.session import Session
from harness.errors import HarnessError, UnsupportedError

WriteNetwork = Callable[..., Path]
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)


def start(path: Path, provider: str = "CPUExecutionProvider") -> Session:
    session = OnnxRuntimeBackend(provider).prepare(path, precision="fp32", batch=1, threads=1)
    session.bind_impl({"input": IMAGES})
    return session


def write_model(path: Path, nodes: list[Any], weights: dict[str, Any], shape: Iterable[int] = IMAGES.shape) -> Path:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        initializer=[onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_real_network_has_its_layers_in_order_of_execution(write_network: WriteNetwork) -> None:
    with start(write_network(operator="Sin")) as session:
        found = session.layer_times(3)
    assert [layer.position for layer in found] == list(range(len(found)))
    kinds = [layer.kind for layer in found]
    assert kinds.index("Conv") < kinds.index("Sin")
    (convolution,) = (layer for layer in found if layer.kind == "Conv")
    assert (convolution.variant, convolution.precision) == ("3x3", "fp32")
    # Blocked kernels pad the 4 output channels to their block size, which depends on the processor.
    assert re.fullmatch(r"3x8x8 > \d+x8x8", convolution.shapes)
    (sine,) = (layer for layer in found if layer.kind == "Sin")
    assert (sine.name, sine.variant, sine.shapes) == ("activation", "", "4x8x8 > 4x8x8")
    assert all(layer.time_ms >= 0 for layer in found)
    assert sum(layer.time_ms for layer in found) > 0


def test_the_session_itself_is_never_profiled(
    write_network: WriteNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with start(write_network()) as session:
        session.infer()
        before = session.outputs()["logits"]
        profiling = []
        real = onnxruntime.InferenceSession.end_profiling
        monkeypatch.setattr(
            onnxruntime.InferenceSession, "end_profiling", lambda self: profiling.append(self) or real(self)
        )
        session.layer_times(2)
        session.infer()
        np.testing.assert_array_equal(session.outputs()["logits"], before)
        assert len(profiling) == 1
        assert profiling[0] is not session._session
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("groups", "variant"),
    [(1, "3x3"), (2, "3x3 grouped"), (16, "3x3 depthwise")],
    ids=["dense", "grouped", "depthwise"],
)
def test_convolutions_of_one_kind_are_distinguished(groups: int, variant: str, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["input", "stem"], ["widened"]),
        helper.make_node("Conv", ["widened", "weights"], ["logits"], pads=[1] * 4, group=groups),
    ]
    weights = {
        "stem": np.ones((16, 3, 1, 1), dtype=np.float32),
        "weights": np.ones((16, 16 // groups, 3, 3), dtype=np.float32),
    }
    with start(write_model(tmp_path / "model.onnx", nodes, weights)) as session:
        found = session.layer_times(2)
    assert [layer.variant for layer in found if layer.kind == "Conv"] == ["1x1", variant]


def test_the_body_of_control_flow_is_not_counted_twice(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("Sin", ["input"], ["sine"]), helper.make_node("Cos", ["sine"], ["branch"])],
        "body",
        [],
        [helper.make_tensor_value_info("branch", TensorProto.FLOAT, list(IMAGES.shape))],
    )
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["largest"], keepdims=0),
        helper.make_node("Greater", ["largest", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["chosen"], then_branch=body, else_branch=body),
        helper.make_node("Tan", ["chosen"], ["logits"]),
    ]
    with start(write_model(tmp_path / "model.onnx", nodes, {"zero": np.float32(0)})) as session:
        kinds = [layer.kind for layer in session.layer_times(2)]
    assert {"If", "Tan"} <= set(kinds)
    assert not {"Sin", "Cos"} & set(kinds)


@pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="This build has one provider only.",
)
def test_launch_times_of_another_provider_are_not_reported(write_network: WriteNetwork) -> None:
    with (
        start(write_network(), "AzureExecutionProvider") as session,
        pytest.raises(UnsupportedError, match="to launch"),
    ):
        session.layer_times(2)


def event(name: str, begin_us: int, time_us: int, operator: str = "", **arguments: Any) -> dict[str, Any]:
    if not operator:
        return {"cat": "Session", "name": name, "ts": begin_us, "dur": time_us, "args": {}}
    given = {"op_name": operator, "provider": "CPU", "input_type_shape": [], "output_type_shape": [], **arguments}
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": begin_us, "dur": time_us, "args": given}


def report(tmp_path: Path, events: list[dict[str, Any]]) -> Path:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(events))
    return path


def runs_of(*times_us: tuple[int, ...]) -> list[dict[str, Any]]:
    """A report of inferences, each with nodes of the given times."""
    events = [event("session_initialization", 0, 5)]
    begin_us = 10
    for run in times_us:
        for number, time_us in enumerate(run):
            events.append(event(f"node{number}", begin_us, time_us, "Relu"))
            begin_us += time_us
        events.append(event("model_run", begin_us - sum(run), sum(run)))
    return events


def test_the_time_is_the_median_of_the_last_inferences(tmp_path: Path) -> None:
    path = report(tmp_path, runs_of((900, 900), (10, 40), (30, 60), (20, 50)))
    found = layers.read_layer_times(path, 3)
    assert [(layer.name, layer.time_ms) for layer in found] == [("node0", 0.02), ("node1", 0.05)]


def test_nodes_with_the_same_name_stay_separate(tmp_path: Path) -> None:
    events = [event("ReorderInput", 0, 5, "ReorderInput"), event("ReorderInput", 5, 9, "ReorderInput")]
    found = layers.read_layer_times(report(tmp_path, [*events, event("model_run", 0, 14)]), 1)
    assert [layer.time_ms for layer in found] == [0.005, 0.009]


def test_a_report_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    path = report(tmp_path, runs_of((10,), (20,)))
    with pytest.raises(HarnessError, match=r"contains 2 of 3 inferences.*Profile fewer"):
        layers.read_layer_times(path, 3)


def test_inferences_of_different_nodes_have_no_common_layers(tmp_path: Path) -> None:
    path = report(tmp_path, runs_of((10, 20), (10,)))
    with pytest.raises(UnsupportedError, match="ran different nodes"):
        layers.read_layer_times(path, 2)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        # A fused sum comes after the weights, and quantised operators have scales before them.
        ([("float", [1, 8, 4, 4]), ("float", [8, 8, 1, 1]), ("float", [8]), ("float", [1, 8, 4, 4])], "1x1"),
        ([("uint8", [1, 8, 4, 4]), ("float", []), ("int8", [8, 1, 5, 5])], "5x5 depthwise"),
        # Rearranged weights are not reported; the fused sum must not be mistaken for them.
        ([("float", [1, 8, 4, 4]), ("float", [8]), ("float", [1, 8, 4, 4])], ""),
        ([], ""),
    ],
)
def test_the_variant_comes_from_the_weights(inputs: list[tuple[str, list[int]]], expected: str, tmp_path: Path) -> None:
    shapes = [{kind: sizes} for kind, sizes in inputs]
    events = [
        event("conv", 0, 5, "Conv", input_type_shape=shapes, output_type_shape=[{"float": [1, 8, 4, 4]}]),
        event("model_run", 0, 5),
    ]
    (layer,) = layers.read_layer_times(report(tmp_path, events), 1)
    assert layer.variant == expected


def test_a_quantised_layer_is_in_its_inputs_precision(tmp_path: Path) -> None:
    shapes = [{"uint8": [1, 8, 4, 4]}, {"float": []}]
    events = [event("conv", 0, 5, "QLinearConv", input_type_shape=shapes), event("model_run", 0, 5)]
    (layer,) = layers.read_layer_times(report(tmp_path, events), 1)
    assert (layer.precision, layer.shapes) == ("int8", "8x4x4")
