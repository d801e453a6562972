"""A compiled CUDA driver library without a GPU (`tests/fakes/libcuda.c`), and scripted answers of CUDA and NVML."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.machine.gpu import calls, devices
from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.nvml import Nvml, NvmlDevice
from tests.fakes.cuda_devices import FakeDeviceCaller, FakeGpu
from tests.fakes.nvml import A100_BUS_ID, A100_UUID, FakeNvml

SOURCE = Path(__file__).parents[3] / "fakes" / "libcuda.c"

OpenDriver = Callable[..., CudaDriver]
InstallNvml = Callable[[FakeNvml], NvmlDevice]
InstallGpus = Callable[..., FakeDeviceCaller]


@pytest.fixture(scope="session")
def built_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, in its own directory under the name of the real one."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        pytest.skip("The fake driver library needs Linux and a C compiler.")
    library = tmp_path_factory.mktemp("cuda") / "libcuda.so.1"
    # Not the soname of the real one: whatever loads that later in this process, as PyTorch does, would get ours.
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcuda-fake.so"]
    subprocess.run([*command, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


@pytest.fixture
def library(built_library: Path, tmp_path: Path) -> Path:
    """A copy, which a process loads as a separate library: nothing is left over from another test."""
    return Path(shutil.copy(built_library, tmp_path / "libcuda.so.1"))


@pytest.fixture
def caller(request: pytest.FixtureRequest) -> calls.Caller:
    """Through ctypes; through cuda-bindings in the process that `test_bindings.py` starts."""
    if os.environ.get("FAKE_CUDA_CALLER") == "bindings":
        bindings = calls.bindings_caller()
        assert bindings is not None
        return bindings
    return calls.CtypesCaller(ctypes.CDLL(str(request.getfixturevalue("library"))))


@pytest.fixture
def open_driver(caller: calls.Caller) -> OpenDriver:
    """Opens a device of the fake library."""
    return lambda device=0: CudaDriver(device, caller)


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The calls of the library so far, one line each."""
    log = tmp_path / "calls.log"
    monkeypatch.setenv("FAKE_CUDA_LOG", str(log))
    return lambda: log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def install_nvml(monkeypatch: pytest.MonkeyPatch) -> InstallNvml:
    """Replaces the module by a scripted NVML and opens its A100."""

    def install(fake: FakeNvml) -> NvmlDevice:
        monkeypatch.setitem(sys.modules, "pynvml", fake)
        return Nvml().device(A100_UUID, A100_BUS_ID)

    return install


@pytest.fixture
def install_gpus(monkeypatch: pytest.MonkeyPatch) -> InstallGpus:
    """Replaces the CUDA driver's devices by scripted ones."""

    def install(*gpus: FakeGpu, **what: object) -> FakeDeviceCaller:
        caller = FakeDeviceCaller(*gpus, **what)
        monkeypatch.setattr(devices, "load_library", lambda: None)
        monkeypatch.setattr(devices, "CtypesCaller", lambda library: caller)
        return caller

    return install
