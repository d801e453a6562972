"""A machine with a GPU and onnxruntime-gpu, both scripted."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from harness.backends.onnxruntime import gpu, libraries
from harness.machine.gpu.driver import CudaDriver
from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.onnxruntime import CUDA_LIBRARIES, TENSORRT_LIBRARIES, FakeOnnxRuntime, Script


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Script:
    """What a test changes about the machine."""
    script = Script(drivers=[])

    def open_device(device: int) -> FakeCudaDriver:
        script.drivers.append(FakeCudaDriver(device, bandwidth_gb_s=1.0))
        return script.drivers[-1]

    names = {"cuda": CUDA_LIBRARIES, "tensorrt": TENSORRT_LIBRARIES}
    monkeypatch.setattr(CudaDriver, "open", open_device)
    monkeypatch.setattr(gpu, "cuda_devices", lambda: [SimpleNamespace(name="NVIDIA Fake H200")])
    monkeypatch.setitem(sys.modules, "onnxruntime", FakeOnnxRuntime(script))
    monkeypatch.setattr(libraries, "provider_library", lambda provider: provider)
    monkeypatch.setattr(libraries, "needed_libraries", lambda library: names[library])
    monkeypatch.setattr(libraries, "missing", lambda _names: [])
    monkeypatch.setattr(
        libraries, "version_number", lambda _name, function: {"cudnnGetVersion": 92400}.get(function, 101302)
    )
    # The TensorRT backend sets it for its process; it is restored for the test process.
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    return script
