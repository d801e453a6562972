from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pynvml
import pytest

from harness.errors import NoGpuError
from harness.machine.gpu import facts
from harness.machine.gpu.facts import Accelerator, GpuFacts, gpu_facts, kernel_module_version
from harness.machine.jetson import JetsonFacts
from tests.fakes.cuda_devices import FakeGpu
from tests.fakes.nvml import FakeNvml
from tests.harness.machine.gpu.conftest import InstallGpus, InstallNvml

ORIN = JetsonFacts("36.4.7", "MAXN", 306, 1300)

OPEN_MODULE = """NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build  (dvs-builder)
GCC version:  gcc version 12.3.0
"""
CLOSED_MODULE = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\n"


@pytest.fixture
def a100(install_gpus: InstallGpus, install_nvml: InstallNvml) -> GpuFacts:
    install_gpus(FakeGpu())
    install_nvml(FakeNvml())
    return gpu_facts(0)


def test_a_gpu_is_described(a100: GpuFacts) -> None:
    assert a100 == GpuFacts(
        name="NVIDIA A100-SXM4-40GB",
        compute_capability="8.0",
        sm_count=108,
        memory_mib=40960,
        cuda_version="12.4",
        bus_id="0000:07:00.0",
        driver_version="550.54.14",
        power_limit_w=400.0,
        power_limit_default_w=400.0,
        persistence_mode=True,
        application_clock_sm_mhz=1095,
        application_clock_memory_mhz=1215,
        clock_max_sm_mhz=1410,
        clock_max_memory_mhz=1215,
        ecc=True,
        mig=False,
        pcie_generation_max=4,
        pcie_width_max=16,
    )
    assert a100.device == "NVIDIA A100-SXM4-40GB, driver 550.54.14"


def test_it_survives_json(a100: GpuFacts) -> None:
    for one in (a100, dataclasses.replace(a100, jetson=ORIN)):
        accelerator = Accelerator(one, "tensorrt 10.16.1")
        assert Accelerator.from_json(json.loads(json.dumps(dataclasses.asdict(accelerator)))) == accelerator


def test_a_device_that_reports_nothing_else_has_the_facts_from_cuda(
    install_gpus: InstallGpus, install_nvml: InstallNvml
) -> None:
    install_gpus(FakeGpu())
    install_nvml(FakeNvml({}))
    found = gpu_facts(0)
    assert (found.name, found.driver_version, found.power_limit_w, found.ecc, found.mig) == (
        *("NVIDIA A100-SXM4-40GB", None, None, None, None),
    )
    assert found.device == "NVIDIA A100-SXM4-40GB, driver for CUDA 12.4"


@pytest.mark.parametrize(
    "fake",
    [
        FakeNvml(init_error=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH),
        FakeNvml(init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND),
        None,
    ],
)
def test_without_nvml_the_kernel_reports_the_driver(
    install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch, fake: FakeNvml | None
) -> None:
    install_gpus(FakeGpu())
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(facts, "kernel_module_version", lambda: "550.54.14")
    found = gpu_facts(0)
    assert found.driver_version == "550.54.14"
    assert found.power_limit_w is None


def test_a_device_that_nvml_does_not_know_still_has_its_driver(
    install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a Jetson since JetPack 6."""
    install_gpus(FakeGpu(name="Orin"))
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(uuids=(), bus_ids=()))
    assert gpu_facts(0).driver_version == "550.54.14"


def test_a_jetson_has_its_own_facts(install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch) -> None:
    install_gpus(FakeGpu(name="Orin"))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(facts, "jetson_facts", lambda: ORIN)
    found = gpu_facts(0)
    assert found.jetson == ORIN
    assert found.device == "Orin, L4T 36.4.7, MAXN"
    quiet = dataclasses.replace(found, jetson=dataclasses.replace(ORIN, power_mode=None))
    assert quiet.device == "Orin, L4T 36.4.7"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "NVIDIA H200"},
        {"driver_version": "560.35.03"},
        {"cuda_version": "12.6"},
        {"power_limit_w": 250.0},
        {"application_clock_sm_mhz": 1410},
        {"clock_max_sm_mhz": 1200},
        {"sm_count": 98},
        {"ecc": False},
        {"mig": True},
        {"pcie_width_max": 4},
        {"jetson": ORIN},
    ],
)
def test_what_may_change_latency_is_in_the_identity(a100: GpuFacts, change: dict[str, Any]) -> None:
    assert dataclasses.replace(a100, **change).identity != a100.identity


@pytest.mark.parametrize(
    "change",
    [{"bus_id": "0000:0B:00.0"}, {"memory_mib": 1}, {"persistence_mode": False}, {"power_limit_default_w": 1.0}],
)
def test_what_may_not_change_latency_is_not_in_the_identity(a100: GpuFacts, change: dict[str, Any]) -> None:
    assert dataclasses.replace(a100, **change).identity == a100.identity


def test_the_power_mode_and_the_clocks_of_a_jetson_are_in_the_identity(a100: GpuFacts) -> None:
    modes = [ORIN, dataclasses.replace(ORIN, power_mode="15W"), dataclasses.replace(ORIN, gpu_clock_min_mhz=1300)]
    identities = [dataclasses.replace(a100, jetson=mode).identity for mode in modes]
    assert identities[0] != identities[1] != identities[2]


def test_without_a_gpu_there_are_no_facts(install_gpus: InstallGpus) -> None:
    install_gpus(FakeGpu())
    with pytest.raises(NoGpuError, match="no GPU 1"):
        gpu_facts(1)


@pytest.mark.parametrize(
    ("text", "version"), [(OPEN_MODULE, "560.35.03"), (CLOSED_MODULE, "550.54.14"), ("NVRM version: none", None)]
)
def test_the_kernel_module_reports_its_version(tmp_path: Path, text: str, version: str | None) -> None:
    path = tmp_path / "proc/driver/nvidia/version"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert kernel_module_version(tmp_path) == version


def test_without_a_kernel_module_there_is_no_version(tmp_path: Path) -> None:
    assert kernel_module_version(tmp_path) is None


@pytest.mark.gpu
def test_a_real_gpu_is_described_and_the_kernel_reports_the_same_driver() -> None:
    found = gpu_facts(0)
    assert found == gpu_facts(0)
    assert found.jetson or found.driver_version
    assert found.name in found.device
    if kernel_module_version():
        assert found.driver_version == kernel_module_version()
    if found.power_limit_w is not None:
        assert 5 <= found.power_limit_w <= 3000
    if found.pcie_generation_max is not None:
        assert 1 <= found.pcie_generation_max <= 8
        assert found.pcie_width_max in (1, 2, 4, 8, 16, 32)
    assert GpuFacts.from_json(json.loads(json.dumps(dataclasses.asdict(found)))) == found
