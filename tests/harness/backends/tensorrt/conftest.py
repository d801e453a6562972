"""The backend on a scripted TensorRT and GPU, for each version."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from harness.machine.gpu import devices
from harness.machine.gpu import driver as cuda
from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt import VERSIONS, TensorRtScript, make_module


class SharedDriver(FakeCudaDriver):
    """The only GPU of a process: closing it is recorded, and what others hold remains."""

    def close(self) -> None:
        self.calls.append("close")


def device_of(driver: FakeCudaDriver) -> devices.CudaDevice:
    """How the driver lists the scripted GPU."""
    capability = ".".join(map(str, driver.compute_capability))
    version = f"{driver.cuda_version // 1000}.{driver.cuda_version % 1000 // 10}"
    return devices.CudaDevice(0, driver.name, capability, 132, int(driver.total_mib), version, "uuid", "bus")


class Install:
    """Installs a TensorRT of some version in the process, controlled by `script`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, version: str, driver: FakeCudaDriver | None = None, **scripted: Any) -> TensorRtScript:
        script = TensorRtScript(version=version, driver=driver or SharedDriver(), **scripted)
        self._monkeypatch.setitem(sys.modules, "tensorrt_rtx" if script.rtx else "tensorrt", make_module(script))
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
