from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness import backends
from harness.backends.tensorrt import versions
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.errors import NoGpuError, UnsupportedError
from harness.machine.gpu import devices
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt import TensorRtScript


def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NoGpuError("No GPU can be used: no driver. Install it.")

    monkeypatch.setattr(devices, "cuda_devices", refuse)


def driver_of_cuda(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    device = devices.CudaDevice(0, "NVIDIA Fake", "9.0", 132, 1024, version, "uuid", "bus")
    monkeypatch.setattr(devices, "cuda_devices", lambda: [device])


def test_it_is_registered() -> None:
    backend = backends.get("tensorrt")
    assert isinstance(backend, TensorRtBackend)
    assert (backend.on_gpu, backend.builds_engines) == (True, True)


def test_importing_it_imports_no_tensorrt() -> None:
    code = (
        "import harness.backends.tensorrt.backend, harness.backends.tensorrt.session, sys; "
        "print({'tensorrt', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"


def test_it_is_usable_if_nothing_is_missing(script: TensorRtScript) -> None:
    available = TensorRtBackend().availability()
    assert available.usable
    assert available.why == f"tensorrt {script.version} on NVIDIA Fake H200."
    assert script.calls == []


def test_a_missing_gpu_is_reported_in_the_drivers_words(
    script: TensorRtScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_gpu(monkeypatch)
    available = TensorRtBackend().availability()
    assert not available.usable
    assert available.why == "No GPU can be used: no driver. Install it."
    assert "--backend onnxruntime" in available.what_to_do


@pytest.mark.parametrize("installed", [True, False])
def test_what_builds_without_a_gpu_is_named_to_whoever_wants_to_build(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    no_gpu(monkeypatch)
    monkeypatch.setattr(versions, "is_installed", lambda: installed)
    available = TensorRtBackend().build_availability()
    assert not available.usable
    assert available.what_to_do.endswith("use --backend tensorrt-rtx, which builds engines without one.")
    assert "onnxruntime" not in available.what_to_do


def test_hidden_gpus_do_not_count(script: TensorRtScript, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_devices", lambda: [])
    assert "CUDA_VISIBLE_DEVICES" in TensorRtBackend().availability().why


def test_missing_gpu_and_missing_tensorrt_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    no_gpu(monkeypatch)
    monkeypatch.setattr(versions, "is_installed", lambda: False)
    available = TensorRtBackend().availability()
    assert "No GPU can be used" in available.why
    assert "Also, tensorrt is not installed." in available.why
    assert "pip install tensorrt" in available.what_to_do


@pytest.mark.parametrize(
    ("cuda_version", "advice"),
    [("13.0", "tensorrt-cu13"), ("12.4", "tensorrt-cu12"), ("11.8", r"tensorrt==8\.5\.3\.1")],
)
def test_a_missing_tensorrt_is_answered_with_one_for_the_driver(
    monkeypatch: pytest.MonkeyPatch, cuda_version: str, advice: str
) -> None:
    driver_of_cuda(monkeypatch, cuda_version)
    monkeypatch.setattr(versions, "is_installed", lambda: False)
    monkeypatch.setattr(versions, "on_jetson", lambda: False)
    with pytest.raises(UnsupportedError, match=rf"tensorrt is not installed\. Run: .*{advice}"):
        TensorRtBackend().prepare("model.onnx", precision="fp32", batch=1, threads=1)


def test_on_a_jetson_it_comes_with_jetpack(monkeypatch: pytest.MonkeyPatch) -> None:
    driver_of_cuda(monkeypatch, "12.6")
    monkeypatch.setattr(versions, "is_installed", lambda: False)
    monkeypatch.setattr(versions, "on_jetson", lambda: True)
    what_to_do = TensorRtBackend().availability().what_to_do
    assert "JetPack" in what_to_do
    assert "--system-site-packages" in what_to_do


def test_a_tensorrt_whose_libraries_do_not_load_has_its_own_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver_of_cuda(monkeypatch, "13.0")
    package = tmp_path / "tensorrt"
    package.mkdir()
    (package / "__init__.py").write_text("raise FileNotFoundError('Could not find: libnvinfer.so.10')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr(versions, "on_jetson", lambda: False)
    available = TensorRtBackend().availability()
    assert available.why == "tensorrt is installed, but does not load: Could not find: libnvinfer.so.10."
    assert "--force-reinstall" in available.what_to_do


def test_a_folder_with_that_name_is_not_tensorrt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver_of_cuda(monkeypatch, "13.0")
    (tmp_path / "tensorrt").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr(versions, "on_jetson", lambda: False)
    available = TensorRtBackend().availability()
    assert not available.usable
    assert "does not load" in available.why


class Distribution:
    def __init__(self, name: str, version: str) -> None:
        self.metadata = {"Name": name}
        self.version = version


@pytest.mark.parametrize(
    ("packages", "version", "cuda_version", "usable"),
    [
        ([("tensorrt-cu13-bindings", "10.16.1.11")], "10.16.1.11", 12080, False),
        ([("tensorrt_cu13_libs", "10.16.1.11")], "10.16.1.11", 13000, True),
        ([("tensorrt-cu12", "10.16.1.11")], "10.16.1.11", 12080, True),
        ([("tensorrt-cu13-bindings", "11.4.0.106")], "10.16.1.11", 12080, True),
        ([("tensorrt", "8.5.3.1")], "8.5.3.1", 10020, False),
        ([("tensorrt", "8.5.3.1")], "8.5.3.1", 12080, True),
        ([], "10.16.1.11", 12080, True),
    ],
)
def test_a_driver_that_is_too_old_is_found_by_the_installed_packages(
    install: Any,
    monkeypatch: pytest.MonkeyPatch,
    packages: list[tuple[str, str]],
    version: str,
    cuda_version: int,
    usable: bool,
) -> None:
    found = [Distribution(*package) for package in packages]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: found)
    monkeypatch.setattr(versions, "_from_index", lambda name: any(one.metadata["Name"] == name for one in found))
    install(version, driver=FakeCudaDriver(cuda_version=cuda_version))
    available = TensorRtBackend().availability()
    assert available.usable == usable
    if not usable:
        assert f"TensorRT {version} is built for CUDA" in available.why
        assert "Install a newer NVIDIA driver" in available.what_to_do


@pytest.mark.parametrize(("version", "limit"), [("8.5.3.1", 17), ("10.16.1.11", None), ("11.4.0.106", None)])
def test_the_newest_opset_is_reported_if_the_parser_does_not(install: Any, version: str, limit: int | None) -> None:
    install(version)
    assert TensorRtBackend().opset_limit() == limit


def test_a_tensorrt_before_8_5_is_refused(install: Any, write_model: Any, tmp_path: Path) -> None:
    install("8.5.3.1")
    sys.modules["tensorrt"].__version__ = "8.4.1.5"
    available = TensorRtBackend().availability()
    assert not available.usable
    assert "older than 8.5" in available.why
    with pytest.raises(UnsupportedError, match=r"TensorRT 8\.4\.1\.5 is older than 8\.5"):
        TensorRtBackend().build(write_model(), precision="fp32", gpu=GpuSettings(), cache_dir=tmp_path)
