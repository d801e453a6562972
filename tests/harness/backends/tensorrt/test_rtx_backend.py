from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from harness import backends
from harness.backends.tensorrt import rtx_versions
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.errors import HarnessError, NoGpuError
from harness.machine.gpu import devices
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt import RTX


def install_card(install: Any, capability: tuple[int, int] = (8, 6)) -> None:
    install(RTX, driver=FakeCudaDriver(compute_capability=capability, name="NVIDIA Fake RTX"))


def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NoGpuError("No GPU can be used: no driver. Install it.")

    monkeypatch.setattr(devices, "cuda_devices", refuse)


def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtx_versions, "module_name", lambda: None)


def test_it_is_registered() -> None:
    backend = backends.get("tensorrt-rtx")
    assert isinstance(backend, TensorRtRtxBackend)
    assert (backend.on_gpu, backend.builds_engines, backend.builds_side_by_side) == (True, True, True)


def test_importing_it_imports_no_library() -> None:
    code = (
        "import harness.backends.tensorrt.rtx_backend, sys; "
        "print({'tensorrt_rtx', 'tensorrt_rtx_bindings', 'tensorrt', 'onnx'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_it_runs_on_a_card(install: Any) -> None:
    install_card(install)
    available = TensorRtRtxBackend().availability()
    assert (available.usable, available.why) == (True, f"tensorrt-rtx {RTX} on NVIDIA Fake RTX.")


def test_without_a_gpu_it_builds_but_does_not_run(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install_card(install)
    without_gpu(monkeypatch)
    available = TensorRtRtxBackend().availability()
    assert (available.usable, available.why) == (False, "No GPU can be used: no driver. Install it.")
    assert available.what_to_do.startswith("Engines can be built here without one: python -m harness build")
    assert TensorRtRtxBackend().build_availability().usable
    assert backends.buildable("tensorrt-rtx").name == "tensorrt-rtx"


def test_hidden_gpus_do_not_count(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install_card(install)
    monkeypatch.setattr(devices, "cuda_devices", lambda: [])
    assert "CUDA_VISIBLE_DEVICES" in TensorRtRtxBackend().availability().why


def test_a_missing_library_is_named_with_the_way_to_install_it(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install_card(install)
    without_library(monkeypatch)
    missing = TensorRtRtxBackend().availability()
    assert (missing.usable, missing.why) == (False, "tensorrt_rtx is not installed.")
    assert "pip install 'baseline-zoo[rtx]'" in missing.what_to_do
    without_gpu(monkeypatch)
    both = TensorRtRtxBackend().availability()
    assert "No GPU can be used" in both.why
    assert "Also, tensorrt_rtx is not installed." in both.why
    with pytest.raises(HarnessError, match=r"tensorrt-rtx cannot build engines here: tensorrt_rtx is not installed"):
        backends.buildable("tensorrt-rtx")


def test_a_library_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("libtensorrt_rtx.so: cannot open shared object file")

    monkeypatch.setattr(rtx_versions, "module_name", lambda: "tensorrt_rtx")
    monkeypatch.setattr(rtx_versions, "module", fail)
    found = TensorRtRtxBackend().build_availability()
    assert not found.usable
    assert "does not load: libtensorrt_rtx.so" in found.why
    assert "--force-reinstall" in found.what_to_do


def test_a_gpu_before_turing_is_refused(install: Any) -> None:
    install_card(install, (7, 0))
    available = TensorRtRtxBackend().availability()
    assert not available.usable
    assert "has compute capability 7.0, but TensorRT-RTX supports 7.5 and later" in available.why
    assert "--backend tensorrt" in available.what_to_do


@pytest.mark.parametrize(("cuda", "usable"), [("12.9", False), ("13.0", True)])
def test_the_driver_must_be_new_enough(install: Any, monkeypatch: pytest.MonkeyPatch, cuda: str, usable: bool) -> None:
    install_card(install)
    device = devices.CudaDevice(0, "NVIDIA Fake RTX", "8.6", 84, 1024, cuda, "uuid", "bus")
    monkeypatch.setattr(devices, "cuda_devices", lambda: [device])
    package = SimpleNamespace(metadata={"Name": "tensorrt-rtx-cu13-bindings"}, version=RTX)
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: [package])
    available = TensorRtRtxBackend().availability()
    assert available.usable is usable
    if not usable:
        assert "built for CUDA 13, but the driver supports at most CUDA 12.9" in available.why
        assert "tensorrt-rtx-cu12" in available.what_to_do


def test_the_bindings_alone_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.find_spec("json")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "tensorrt_rtx_bindings" else None)
    assert rtx_versions.module_name() == "tensorrt_rtx_bindings"


@pytest.mark.parametrize(
    ("capability", "offered", "adopted"),
    [
        ((8, 6), [("sm86", "sm89"), ("sm120",)], ("sm86", "sm89")),
        ((12, 0), [("sm86",), ("sm86",), ("sm120",)], ("sm120",)),
        ((8, 9), [("sm86",)], ()),
        ((8, 9), [(), ("sm89",), ()], ()),
        ((8, 9), [(), ("sm89",), ("sm89",)], ("sm89",)),
        ((7, 5), [()], ()),
        ((12, 1), [("sm121",)], ("sm121",)),
    ],
)
def test_a_run_takes_the_capabilities_that_most_engines_for_its_gpu_have(
    install: Any, capability: tuple[int, int], offered: list[tuple[str, ...]], adopted: tuple[str, ...]
) -> None:
    install_card(install, capability)
    backend = TensorRtRtxBackend()
    assert backend.adopted(GpuSettings(), offered).capabilities == adopted
    assert backend.adopted(GpuSettings(capabilities=("sm80",)), offered).capabilities == ("sm80",)


def test_without_a_gpu_nothing_is_adopted(install: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install_card(install)
    without_gpu(monkeypatch)
    assert TensorRtRtxBackend().adopted(GpuSettings(), [("sm86",)]) == GpuSettings()


def test_an_engine_is_for_turing_only_on_a_turing_card_or_by_request(
    install: Any, write_network: Any, tmp_path: Any
) -> None:
    backend = TensorRtRtxBackend()
    for capability, expected in (((7, 5), ("sm75",)), ((8, 6), ())):
        install_card(install, capability)
        assert backend.engine_key(None, write_network(), "fp32", GpuSettings()).capabilities == expected


def test_tensorrt_builds_for_its_own_gpu_alone() -> None:
    with pytest.raises(HarnessError, match="--for sm86: backend tensorrt builds no engines for named GPUs"):
        backends.get("tensorrt").check_capabilities(("sm86",))
    backends.get("tensorrt").check_capabilities(())
