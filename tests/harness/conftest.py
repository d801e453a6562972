"""Tiny networks that the measuring tests run on the real runtime."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from foundation.digests import file_sha256
from harness.artifacts.bundle_writer import BundleWriter
from harness.processes.target import Target
from harness.processes.trial import TrialJob
from harness.records.series import Series
from harness.timing.settings import TimingSettings

WriteNetwork = Callable[..., Path]


def tiny_network(
    *,
    shape: list[int | str] | None = None,
    input_type: int = TensorProto.FLOAT,
    weight_type: int = TensorProto.FLOAT,
    second_input: bool = False,
    operator: str = "Relu",
    weight: float | None = None,
    opset: int = 17,
    ir_version: int = 8,
) -> onnx.ModelProto:
    """A 3x3 convolution and one more operator: float32 `input` to float32 `logits`.

    Another `weight_type` is cast to after the input and from before the output.
    """
    shape = shape if shape is not None else [1, 3, 8, 8]
    numbers = np.random.default_rng(0).standard_normal((4, 3, 3, 3))
    if weight is not None:
        numbers = np.full_like(numbers, weight)
    weights = onnx.numpy_helper.from_array(numbers.astype(helper.tensor_dtype_to_np_dtype(weight_type)), name="weights")
    nodes = [
        helper.make_node("Cast", ["input"], ["cast"], to=weight_type),
        helper.make_node("Conv", ["cast", "weights"], ["convolved"], pads=[1] * 4),
        helper.make_node("Cast", ["convolved"], ["features"], to=TensorProto.FLOAT),
        helper.make_node(operator, ["features"], ["activated"], name="activation"),
    ]
    inputs = [helper.make_tensor_value_info("input", input_type, shape)]
    last = "Identity"
    if second_input:
        inputs.append(helper.make_tensor_value_info("offset", TensorProto.FLOAT, [1]))
        last = "Add"
    nodes.append(helper.make_node(last, ["activated", *(["offset"] if second_input else [])], ["logits"]))
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "tiny", inputs, [output], initializer=[weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    return model


def small_model(
    *,
    precision: str = "fp32",
    shape: tuple[int | str, ...] = (1, 3, 8, 8),
    opset: int = 17,
    ir_version: int = 8,
    extra: tuple[str, ...] = (),
    input_type: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A 3x3 convolution, pooling and a linear layer: `input` to `logits` (1, 5), in the graph's own precision.

    `extra` are operators of one input, added after the convolution.
    """
    rng = np.random.default_rng(0)
    kind = np.float16 if precision == "fp16" else np.float32
    constants: dict[str, Any] = {
        "kernel": rng.standard_normal((4, 3, 3, 3)).astype(kind),
        "matrix": rng.standard_normal((4, 5)).astype(np.float32),
    }
    nodes, x, kernel = [], "input", "kernel"
    if precision == "fp16":
        nodes.append(helper.make_node("Cast", [x], ["half"], name="to_half", to=TensorProto.FLOAT16))
        x = "half"
    if precision == "int8":
        constants |= {"scale": np.float32(0.05), "zero": np.int8(0)}
        for source in ("input", "kernel"):
            nodes.append(
                helper.make_node("QuantizeLinear", [source, "scale", "zero"], [f"q_{source}"], name=f"q_{source}")
            )
            nodes.append(
                helper.make_node(
                    "DequantizeLinear", [f"q_{source}", "scale", "zero"], [f"d_{source}"], name=f"d_{source}"
                )
            )
        x, kernel = "d_input", "d_kernel"
    nodes.append(helper.make_node("Conv", [x, kernel], ["features"], name="conv", pads=[1] * 4))
    x = "features"
    if precision == "fp16":
        nodes.append(helper.make_node("Cast", [x], ["single"], name="to_single", to=TensorProto.FLOAT))
        x = "single"
    for index, operator in enumerate(extra):
        nodes.append(helper.make_node(operator, [x], [f"extra_{index}"], name=f"extra_{index}"))
        x = f"extra_{index}"
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"], name="pool"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten"))
    nodes.append(helper.make_node("MatMul", ["flat", "matrix"], ["logits"], name="linear"))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", input_type, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (shape[0], 5))],
        initializer=[onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = ir_version
    return model


@pytest.fixture
def write_network(tmp_path: Path) -> WriteNetwork:
    """Writes `tiny_network(**what)` to a file and returns its path."""

    def write(name: str | Path = "tiny.onnx", **what: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(tiny_network(**what).SerializeToString())
        return path

    return write


@pytest.fixture
def write_model(tmp_path: Path) -> WriteNetwork:
    """Writes `small_model(**what)` and returns its path."""

    def write(name: str = "model.onnx", **what: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(small_model(**what).SerializeToString())
        return path

    return write


@pytest.fixture
def quick_timing() -> TimingSettings:
    """The shortest trial; no group counts as contaminated."""
    return TimingSettings(
        warmup_s=0.0,
        warmup_min_runs=1,
        block_ms=0.5,
        settle_ms=0.0,
        groups=2,
        max_repeats=0,
        foreign_cpu_limit=1000.0,
    )


@pytest.fixture
def quick_job(tmp_path: Path, write_network: WriteNetwork, quick_timing: TimingSettings) -> TrialJob:
    """A job on two tiny networks."""
    first, second = (
        Target(str(path), sha256="", backend="onnxruntime", precision="fp32", batch=1, threads=1)
        for path in (write_network(), write_network("reference.onnx"))
    )
    return TrialJob(
        first=first,
        second=second,
        timing=quick_timing,
        seed=7,
        samples=str(tmp_path / "samples" / "trial.npz"),
    )


MakeSeries = Callable[..., Series]


@pytest.fixture
def converted(tmp_path: Path, write_network: WriteNetwork) -> MakeSeries:
    """A series as a conversion returns it: a tiny network in a folder of its own, its provenance beside it."""

    def make(model: str = "gpunet/GPUNet-0", *, weight: float = 1.0, **facts: Any) -> Series:
        source, variant = model.split("/", 1)
        text = json.dumps([model, weight, facts], default=repr)
        folder = tmp_path / "cache" / hashlib.sha256(text.encode()).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        path = write_network(folder / "model.onnx", weight=weight)
        (folder / "provenance.json").write_text(text)
        known: dict[str, Any] = {"backend": "onnxruntime", "precision": "fp32", "batch": 1, "opset": 17, **facts}
        return Series(
            model=model,
            source=source,
            variant=variant,
            accuracy_published_top1_percent=78.9,
            accuracy_published_source="README.md",
            weights="probe",
            artifact_path=str(path),
            artifact_sha256=file_sha256(path),
            artifact_mib=path.stat().st_size / 2**20,
            exporter="torch.onnx.export dynamo 2.14.1",
            **known,
        )

    return make


@pytest.fixture
def write_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Writes the series into a bundle and returns its folder."""

    def write(*series: Series, suites: Sequence[str] = ("all", "smoke")) -> Path:
        with BundleWriter(tmp_path / "bundle") as writer:
            for facts in series:
                writer.add(facts, suites)
        return tmp_path / "bundle"

    return write
