"""Scripted GPUs for the tests of what is read from one."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from harness.gpu import devices
from harness.gpu.nvml import Nvml, NvmlDevice
from tests.fakes.cuda_devices import FakeDeviceCaller, FakeGpu
from tests.fakes.nvml import A100_BUS_ID, A100_UUID, FakeNvml

InstallNvml = Callable[[FakeNvml], NvmlDevice]
InstallGpus = Callable[..., FakeDeviceCaller]


@pytest.fixture
def install_nvml(monkeypatch: pytest.MonkeyPatch) -> InstallNvml:
    """Puts a scripted NVML in the module's place and opens its A100."""

    def install(fake: FakeNvml) -> NvmlDevice:
        monkeypatch.setitem(sys.modules, "pynvml", fake)
        return Nvml().device(A100_UUID, A100_BUS_ID)

    return install


@pytest.fixture
def install_gpus(monkeypatch: pytest.MonkeyPatch) -> InstallGpus:
    """Puts scripted devices in the place of the CUDA driver's."""

    def install(*gpus: FakeGpu, **what: object) -> FakeDeviceCaller:
        caller = FakeDeviceCaller(*gpus, **what)
        monkeypatch.setattr(devices, "load_library", lambda: None)
        monkeypatch.setattr(devices, "CtypesCaller", lambda library: caller)
        return caller

    return install
