"""How the driver library is found, and which of the two callers is used."""

from __future__ import annotations

import ctypes
import sys
import types
from pathlib import Path

import pytest

from harness.machine.gpu import calls
from harness.machine.gpu.driver import CudaDriver, NoGpuError


def install_bindings(monkeypatch: pytest.MonkeyPatch, driver: object) -> None:
    """Makes `from cuda.bindings import driver` return this."""
    bindings = types.ModuleType("cuda.bindings")
    bindings.driver = driver
    monkeypatch.setitem(sys.modules, "cuda", types.ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)


def bindings_driver(version: int = 13000, code: int = 0) -> types.SimpleNamespace:
    """Bindings 13.1 with one function, which find a driver of this version."""
    return types.SimpleNamespace(CUDA_VERSION=13010, cuDriverGetVersion=lambda: (code, version))


def remove_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)


def test_without_the_bindings_the_library_is_called(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_bindings(monkeypatch)
    monkeypatch.setattr(calls, "library_names", lambda: ("libcuda-nowhere.so", str(library)))
    with CudaDriver.open(0) as driver:
        assert driver.name == "NVIDIA Fake 0"


def test_bindings_that_find_no_driver_leave_it_to_ctypes(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_not_found() -> None:
        raise RuntimeError("not found")

    install_bindings(monkeypatch, types.SimpleNamespace(cuDriverGetVersion=raise_not_found))
    monkeypatch.setattr(calls, "library_names", lambda: (str(library),))
    assert isinstance(calls.find_caller(), calls.CtypesCaller)


@pytest.mark.parametrize("driver", [bindings_driver(version=12040), bindings_driver(code=34)])
def test_bindings_that_cannot_use_the_driver_leave_it_to_ctypes(
    library: Path, monkeypatch: pytest.MonkeyPatch, driver: object
) -> None:
    install_bindings(monkeypatch, driver)
    monkeypatch.setattr(calls, "library_names", lambda: (str(library),))
    assert isinstance(calls.find_caller(), calls.CtypesCaller)


def test_bindings_that_find_the_driver_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    install_bindings(monkeypatch, bindings_driver())
    caller = calls.find_caller()
    assert isinstance(caller, calls.BindingsCaller)
    version = next(function for function in calls.FUNCTIONS if function.name == "cuDriverGetVersion")
    assert caller.bind(version)() == (0, 13000)


def test_no_library_says_to_install_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    remove_bindings(monkeypatch)
    monkeypatch.setattr(calls, "library_names", lambda: ("libcuda-nowhere.so", "libcuda-neither.so"))
    with pytest.raises(NoGpuError, match=r"libcuda-nowhere.*Install the NVIDIA driver"):
        CudaDriver.open(0)


def test_a_library_that_lacks_a_function_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    remove_bindings(monkeypatch)
    monkeypatch.setattr(calls, "load_library", lambda: ctypes.CDLL(None))
    with pytest.raises(NoGpuError, match="has no cuInit, so it is too old"):
        CudaDriver.open(0)


def test_bindings_that_lack_a_function_are_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    install_bindings(monkeypatch, bindings_driver())
    with pytest.raises(NoGpuError, match="too old"):
        CudaDriver.open(0)


def test_the_library_of_each_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert calls.library_names() == ("nvcuda.dll",)
    monkeypatch.setattr(sys, "platform", "linux")
    first, *others = calls.library_names()
    assert first == "libcuda.so.1"
    assert any("/wsl/" in name for name in others)
    assert any("/tegra/" in name for name in others)
