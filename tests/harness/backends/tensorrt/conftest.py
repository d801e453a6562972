"""The backend on a scripted TensorRT and GPU, once for each version."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from harness.gpu import devices
from harness.gpu import driver as cuda
from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt import VERSIONS, TensorRtScript, make_module

WriteNetwork = Callable[..., Path]


class SharedDriver(FakeCudaDriver):
    """The one GPU of a process: closing it notes so, and what others hold stays."""

    def close(self) -> None:
        self.calls.append("close")


def device_of(driver: FakeCudaDriver) -> devices.CudaDevice:
    """How the driver lists the scripted GPU."""
    capability = ".".join(map(str, driver.compute_capability))
    version = f"{driver.cuda_version // 1000}.{driver.cuda_version % 1000 // 10}"
    return devices.CudaDevice(0, driver.name, capability, 132, int(driver.total_mib), version, "uuid", "bus")


class Install:
    """Puts a TensorRT of some version into the process; `script` is what it is told to do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, version: str, driver: FakeCudaDriver | None = None, **scripted: Any) -> TensorRtScript:
        script = TensorRtScript(version=version, driver=driver or SharedDriver(), **scripted)
        self._monkeypatch.setitem(sys.modules, "tensorrt", make_module(script))
        self._monkeypatch.setattr(cuda.CudaDriver, "open", lambda device: script.driver)
        self._monkeypatch.setattr(devices, "cuda_devices", lambda: [device_of(script.driver)])
        return script


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    return Install(monkeypatch)


@pytest.fixture(params=VERSIONS)
def script(request: pytest.FixtureRequest, install: Install) -> TensorRtScript:
    """TensorRT of each version, with nothing going wrong."""
    return install(request.param)


@pytest.fixture
def write_model(tmp_path: Path) -> WriteNetwork:
    """Writes `small_model(**what)` and returns its path."""

    def write(name: str = "model.onnx", **what: Any) -> Path:
        path = tmp_path / name
        path.write_bytes(small_model(**what).SerializeToString())
        return path

    return write


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
