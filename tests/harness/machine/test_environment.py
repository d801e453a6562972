from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import onnxruntime
import pytest

from harness import backends
from harness.backends.device import environment_of
from harness.commands import env
from harness.errors import UnsupportedError
from harness.machine import environment
from harness.machine.environment import Environment
from harness.machine.gpu import devices
from harness.machine.gpu.facts import Accelerator, GpuFacts
from harness.machine.gpu.meter import GpuMeter
from harness.machine.gpu.settings import GpuSettings
from harness.machine.measured import open_meter
from harness.machine.meter import CpuMeter
from harness.records.run_info import differing_facts
from tests.fakes.cuda_devices import FakeDeviceCaller, FakeGpu

ACCELERATOR = Accelerator(
    GpuFacts(
        name="NVIDIA A100-SXM4-40GB",
        compute_capability="8.0",
        sm_count=108,
        memory_mib=40960,
        cuda_version="12.4",
        bus_id="0000:07:00.0",
        driver_version="550.54.14",
        power_limit_w=400.0,
    ),
    "tensorrt 10.16.1",
)

PROCESSOR = Environment(
    cpu_model="AMD EPYC",
    cpu_revision=None,
    cpu_features="avx2",
    architecture="x86_64",
    physical_cores=8,
    logical_cores=16,
    threads=8,
    memory_mib=1024,
    system="Linux",
    system_release="6.1",
    python_version="3.12.0",
    onnxruntime_version="1.30.0",
    numpy_version="2.0.0",
    onnx_version="1.16.0",
    governor="performance",
    boost=True,
    frequency_min_mhz=400,
    frequency_max_mhz=3700,
    virtualisation=None,
    container=None,
    cpu_limit_cores=None,
)


@pytest.fixture(scope="module")
def here() -> Environment:
    return environment.collect(threads=1)


def test_this_machine_is_described(here: Environment) -> None:
    assert here.threads == 1
    assert here.logical_cores >= 1
    assert here.memory_mib > 100
    assert here.onnxruntime_version == onnxruntime.__version__
    assert here.python_version.startswith(f"{sys.version_info.major}.{sys.version_info.minor}")


def test_it_survives_json(here: Environment) -> None:
    assert Environment.from_json(json.loads(json.dumps(here.to_json()))) == here


def test_the_id_is_short_and_repeats(here: Environment) -> None:
    assert len(here.environment_id) == 12
    assert environment.collect(threads=1).environment_id == here.environment_id


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 64},
        {"cpu_model": "Another"},
        {"onnxruntime_version": "0.1"},
        {"governor": "powersave"},
        {"boost": False},
        {"cpu_limit_cores": 0.5},
        {"frequency_max_mhz": 800},
        {"power_mode": "2 30W"},
    ],
)
def test_what_may_change_latency_changes_the_id(here: Environment, change: dict[str, Any]) -> None:
    assert dataclasses.replace(here, **change).environment_id != here.environment_id


@pytest.mark.parametrize(
    "change",
    [
        {"memory_mib": 1},
        {"python_version": "3.99"},
        {"numpy_version": "9"},
        {"system_release": "99"},
        {"telemetry": "ORT_DISABLE_TELEMETRY=0"},
    ],
)
def test_what_may_not_change_latency_does_not_change_the_id(here: Environment, change: dict[str, Any]) -> None:
    assert dataclasses.replace(here, **change).environment_id == here.environment_id


def test_the_id_of_a_processor_is_unchanged_since_before_accelerators() -> None:
    assert PROCESSOR.environment_id == "b0bceebde79d"


def on_gpu(**change: Any) -> Environment:
    gpu = dataclasses.replace(ACCELERATOR.gpu, **change)
    return dataclasses.replace(PROCESSOR, accelerator=dataclasses.replace(ACCELERATOR, gpu=gpu))


def test_an_accelerator_survives_json_and_is_optional_in_it() -> None:
    assert Environment.from_json(json.loads(json.dumps(on_gpu().to_json()))) == on_gpu()
    older = PROCESSOR.to_json()
    del older["accelerator"], older["telemetry"]
    assert Environment.from_json(older) == PROCESSOR


def test_an_accelerator_and_its_runtime_change_the_id() -> None:
    newer = dataclasses.replace(PROCESSOR, accelerator=dataclasses.replace(ACCELERATOR, runtime="tensorrt 11.4.0"))
    ids = [one.environment_id for one in (PROCESSOR, on_gpu(), on_gpu(driver_version="560.35.03"), newer)]
    assert len(set(ids)) == 4
    assert on_gpu(bus_id="0000:0B:00.0").environment_id == on_gpu().environment_id


def test_with_an_accelerator_the_processor_counts_and_its_runtime_does_not() -> None:
    faster = dataclasses.replace(on_gpu(), cpu_model="Another")
    assert faster.environment_id != on_gpu().environment_id
    thin = dataclasses.replace(on_gpu(), onnxruntime_version=None)
    assert thin.environment_id == on_gpu().environment_id


def test_an_accelerator_is_the_device() -> None:
    assert on_gpu().device == "NVIDIA A100-SXM4-40GB, driver 550.54.14"


def test_what_differs_between_two_accelerators_is_named() -> None:
    stored, now = on_gpu().to_json(), on_gpu(power_limit_w=250.0).to_json()
    assert differing_facts(stored, now) == [("accelerator.gpu.power_limit_w", 400.0, 250.0)]


def test_a_backend_on_the_processor_has_no_accelerator() -> None:
    assert environment_of(backends.get("onnxruntime"), GpuSettings(), 1).accelerator is None


def test_a_backend_on_a_gpu_has_its_facts_and_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "load_library", lambda: None)
    monkeypatch.setattr(devices, "CtypesCaller", lambda library: FakeDeviceCaller(FakeGpu(), FakeGpu(name="NVIDIA L4")))
    backend = backends.get("onnxruntime")
    monkeypatch.setattr(type(backend), "on_gpu", True)
    found = environment_of(backend, GpuSettings(device=1), 1)
    accelerator = found.accelerator
    assert accelerator is not None
    assert accelerator.gpu.name == "NVIDIA L4"
    assert accelerator.runtime == f"onnxruntime {onnxruntime.__version__}"
    assert found.device.startswith("NVIDIA L4, driver")


def test_a_backend_on_a_gpu_has_a_meter_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_meter(None), CpuMeter)
    monkeypatch.setattr(devices, "load_library", lambda: None)
    monkeypatch.setattr(devices, "CtypesCaller", lambda library: FakeDeviceCaller(FakeGpu()))
    assert isinstance(open_meter(GpuSettings()), GpuMeter)
    with pytest.raises(UnsupportedError, match="no GPU 1"):
        open_meter(GpuSettings(device=1))


def test_the_device_is_named_with_its_threads(here: Environment) -> None:
    one = dataclasses.replace(here, cpu_model="AMD EPYC", threads=1)
    assert one.device == "AMD EPYC, 1 thread"
    unknown = dataclasses.replace(here, cpu_model=None, architecture="riscv64", threads=4)
    assert unknown.device == "riscv64, 4 threads"


@pytest.mark.parametrize(
    ("physical", "allowed", "quota", "expected"),
    [(8, 16, None, 8), (8, 2, None, 2), (8, 16, 3.5, 3), (8, 16, 0.5, 1), (None, 4, None, 4)],
)
def test_default_threads_are_the_physical_cores_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, physical: int | None, allowed: int, quota: float | None, expected: int
) -> None:
    monkeypatch.setattr(environment.sys, "platform", "linux")
    monkeypatch.setattr(environment, "allowed_physical_cores", lambda: physical)
    monkeypatch.setattr(environment, "logical_cores", lambda: allowed)
    monkeypatch.setattr(environment.LinuxFacts, "cpu_limit_cores", lambda _self: quota)
    assert environment.default_threads() == expected


@pytest.mark.parametrize(
    ("threads", "quota", "said"),
    [(8, None, ""), (16, 16.0, ""), (17, None, "17 threads on 16 processors"), (1, 0.5, "1 thread in a control group")],
)
def test_threads_that_cannot_all_run_are_reported(threads: int, quota: float | None, said: str) -> None:
    crowded = dataclasses.replace(PROCESSOR, threads=threads, cpu_limit_cores=quota)
    told = environment.crowded_threads(crowded)
    assert said in told
    assert bool(said) == bool(told)


def test_every_backend_is_explained() -> None:
    reports = {report.name: report for report in env.explain()}
    assert reports["onnxruntime"].usable
    assert onnxruntime.__version__ in reports["onnxruntime"].why


def test_importing_it_imports_no_runtime() -> None:
    code = (
        "import harness.machine.environment, sys; print({'onnxruntime', 'onnx', 'pandas', 'pynvml'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
