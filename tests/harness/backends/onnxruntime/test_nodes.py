from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from harness.backends.onnxruntime import nodes
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend, session_options
from harness.backends.onnxruntime.nodes import ExecutedNode, PlannedNode
from harness.backends.session import Session
from harness.errors import FallbackError

WriteNetwork = Callable[..., Path]
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
CPU = "CPUExecutionProvider"

has_plan = pytest.mark.skipif(
    not hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"),
    reason="This onnxruntime does not expose its plan.",
)


def start(path: Path, provider: str = CPU) -> Session:
    session = OnnxRuntimeBackend(provider).prepare(path, precision="fp32", batch=1, threads=1)
    session.start(IMAGES)
    return session


@has_plan
def test_the_plan_names_the_nodes_and_their_provider(write_network: WriteNetwork) -> None:
    session = onnxruntime.InferenceSession(str(write_network()), session_options(1), providers=[CPU])
    planned = nodes.planned_nodes(session)
    assert planned is not None
    assert {node.operator for node in planned} >= {"Conv", "Relu"}
    assert {node.provider for node in planned} == {CPU}


@has_plan
def test_a_plain_float_graph_needs_no_second_session(
    write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "profiled_nodes", None)
    with start(write_network()) as session:
        assert session.precision_effective() == "fp32"


def test_a_graph_with_casts_is_profiled(write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = nodes.profiled_nodes

    def watched(*arguments: object) -> list[ExecutedNode]:
        asked.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(nodes, "profiled_nodes", watched)
    path = write_network(weight_type=TensorProto.FLOAT16)
    with OnnxRuntimeBackend().prepare(path, precision="fp32", batch=1, threads=1) as session:
        session.bind_impl({"input": IMAGES})
        assert session.precision_effective() in ("fp32", "fp16")
        assert session.precision_effective() in ("fp32", "fp16")
    assert len(asked) == 1


def test_a_runtime_that_exposes_no_plan_is_profiled(
    write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "planned_nodes", lambda _session: None)
    with start(write_network()) as session:
        assert session.precision_effective() == "fp32"


@pytest.mark.skipif(
    "AzureExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="This build has one provider only.",
)
def test_placement_is_checked_without_a_plan_too(write_network: WriteNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "planned_nodes", lambda _session: None)
    with pytest.raises(FallbackError, match="are not on AzureExecutionProvider"):
        start(write_network(), "AzureExecutionProvider")


def test_the_profile_has_every_executed_node(write_network: WriteNetwork) -> None:
    executed = nodes.profiled_nodes(write_network(), session_options(1), (CPU, {}), {"input": IMAGES})
    convolutions = [node for node in executed if "Conv" in node.operator]
    assert len(convolutions) == 1
    assert convolutions[0].provider == CPU
    assert set(convolutions[0].input_types) == {"float"}


@pytest.mark.parametrize(
    ("operator", "domain", "expected"),
    [("Conv", "", False), ("Cast", "", True), ("QuantizeLinear", "", True), ("If", "", True), ("Conv", "mine", True)],
)
def test_which_nodes_may_change_the_type(operator: str, domain: str, expected: bool) -> None:
    assert PlannedNode("node", operator, domain, CPU).may_change_type is expected


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([("Conv", "float16"), ("Gemm", "float16"), ("Cast", "float")], "fp16"),
        ([("FusedConv", "float16"), ("Gemm", "float")], "fp16+fp32"),
        ([("QLinearConv", "uint8"), ("ConvInteger", "int8")], "int8"),
        ([("Relu", "float"), ("Shape", "int64")], "fp32"),
        ([("DynamicQuantizeMatMul", "float"), ("Relu", "float")], "int8"),
        ([("DynamicQuantizeLSTM", "float"), ("MatMul", "float")], "fp32+int8"),
        ([("LSTM", "float"), ("Cast", "float16")], "fp32"),
        ([("MatMulIntegerToFloat", "uint8"), ("QAttention", "int8")], "int8"),
    ],
)
def test_precision_is_that_of_convolutions_and_products(types: list[tuple[str, str]], expected: str) -> None:
    executed = [ExecutedNode(operator, operator, CPU, (kind, "int64")) for operator, kind in types]
    assert nodes.precision_of(executed) == expected
