from __future__ import annotations

import importlib.util
import sys

import pynvml
import pytest

from harness.commands import gpu_requirements as requirements
from harness.commands.gpu_requirements import Requirement, gpu_requirements, visible_gpus
from harness.errors import NoGpuError
from harness.machine.gpu import devices
from tests.fakes.cuda_devices import FakeGpu
from tests.fakes.nvml import FakeNvml
from tests.harness.machine.gpu.conftest import InstallGpus


def found() -> dict[str, Requirement]:
    return {one.name: one for one in gpu_requirements(*visible_gpus())}


def install_packages(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    monkeypatch.setattr(requirements, "package_version", versions.get)
    spec = importlib.util.find_spec("json")
    installed = {"tensorrt"} if {"tensorrt", "tensorrt-cu12"} & set(versions) else set()
    if "tensorrt-rtx-cu13-bindings" in versions:
        installed.add("tensorrt_rtx")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name in installed else None)


def test_on_a_bare_machine_everything_needed_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_library() -> None:
        raise NoGpuError("No GPU can be used: the NVIDIA driver library was not found.")

    monkeypatch.setattr(devices, "load_library", load_library)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    install_packages(monkeypatch, {})
    missing = found()
    assert "driver library was not found" in missing["NVIDIA driver and GPU"].what_to_do
    assert "pip install tensorrt " in missing["tensorrt"].what_to_do
    assert "pip install 'baseline-zoo[rtx]'" in missing["tensorrt-rtx"].what_to_do
    assert "pip install nvidia-ml-py" in missing["NVML (nvidia-ml-py)"].what_to_do
    assert "pip install cuda-bindings" in missing["cuda-bindings"].what_to_do
    assert [one.name for one in missing.values() if one.needed] == ["NVIDIA driver and GPU", "tensorrt"]
    assert not any(one.found for one in missing.values())


def test_tensorrt_is_suggested_for_the_cuda_version_of_the_driver(
    install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_gpus(FakeGpu(), version=12040)
    install_packages(monkeypatch, {})
    assert "pip install tensorrt-cu12 " in found()["tensorrt"].what_to_do


def test_on_a_complete_machine_nothing_needs_to_be_done(
    install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_gpus(FakeGpu())
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    versions = {"tensorrt-cu12": "10.16.1", "tensorrt-rtx-cu13-bindings": "1.7.1.116"}
    install_packages(monkeypatch, {**versions, "nvidia-ml-py": "13.0", "cuda-bindings": "12.9"})
    assert {name: one.found for name, one in found().items()} == {
        "NVIDIA driver and GPU": "for CUDA 12.4",
        "tensorrt": "10.16.1",
        "tensorrt-rtx": "1.7.1.116, builds engines without a GPU",
        "NVML (nvidia-ml-py)": "13.0, driver 550.54.14",
        "cuda-bindings": "12.9",
    }
    assert not any(one.what_to_do for one in found().values())


def test_hidden_gpus_are_explained(install_gpus: InstallGpus) -> None:
    install_gpus()
    assert visible_gpus() == ([], "CUDA sees no GPU. Look at CUDA_VISIBLE_DEVICES and `nvidia-smi -L`.")


def test_a_library_of_another_version_than_the_module_is_explained(
    install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_gpus(FakeGpu())
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(init_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    assert "Reboot" in found()["NVML (nvidia-ml-py)"].what_to_do
