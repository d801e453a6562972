from __future__ import annotations

import dataclasses
import json
import sys

import pynvml
import pytest

from harness.commands import env
from harness.commands.env import BackendReport, EnvironmentReport
from harness.machine.energy.sources import EnergySource
from harness.machine.gpu import devices, facts
from harness.machine.gpu.facts import gpu_facts
from harness.machine.jetson import JetsonFacts
from tests.fakes.cuda_devices import FakeDeviceCaller, FakeGpu
from tests.fakes.nvml import FakeNvml


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "load_library", lambda: None)
    gpus = (FakeGpu(), FakeGpu(name="NVIDIA L4", uuid="11111111-2222-3333-4444-555555555555", bus_id="0000:0B:00.0"))
    monkeypatch.setattr(devices, "CtypesCaller", lambda library: FakeDeviceCaller(*gpus))
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())


def test_without_a_gpu_it_says_what_is_missing_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_library() -> None:
        raise devices.NoGpuError("The driver library was not found. Install the NVIDIA driver.")

    monkeypatch.setattr(devices, "load_library", load_library)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    report = EnvironmentReport.collect()
    lines = report.text().splitlines()
    assert "GPU: none" in lines
    assert "  telemetry: off" in lines
    at = lines.index("  NVIDIA driver and GPU: MISSING")
    assert lines[at + 1] == "      The driver library was not found. Install the NVIDIA driver."
    assert any(line.startswith("  onnxruntime: can run. onnxruntime ") for line in lines)
    data = json.loads(json.dumps(report.to_json()))
    assert data["gpus"] == []
    assert data["gpu_requirements"]["NVIDIA driver and GPU"]["needed"] is True
    assert data["backends"]["onnxruntime"]["usable"] is True
    assert data["environment_id"] == report.environment.environment_id


@pytest.mark.usefixtures("two_gpus")
def test_every_gpu_is_described_in_the_order_of_the_option() -> None:
    report = EnvironmentReport.collect()
    text = report.text()
    assert "\nGPU 0: NVIDIA A100-SXM4-40GB, driver 550.54.14\n" in text
    assert "\nGPU 1: NVIDIA L4, driver 550.54.14\n" in text
    assert text.index("  power limit w: 400.0") < text.index("GPU 1:")
    assert "jetson" not in text
    assert report.gpus == [gpu_facts(0), gpu_facts(1)]
    assert json.loads(json.dumps(report.to_json()))["gpus"][1]["name"] == "NVIDIA L4"


@pytest.mark.usefixtures("two_gpus")
def test_a_backend_that_cannot_run_has_its_remedy_below(monkeypatch: pytest.MonkeyPatch) -> None:
    cannot = BackendReport("tensorrt", False, "tensorrt is not installed.", "pip install tensorrt")
    monkeypatch.setattr(env, "explain", lambda: [cannot])
    assert (
        EnvironmentReport.collect()
        .text()
        .endswith("\nbackends\n  tensorrt: CANNOT RUN. tensorrt is not installed.\n      pip install tensorrt")
    )


@pytest.mark.usefixtures("two_gpus")
def test_the_facts_of_a_jetson_have_separate_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "jetson_facts", lambda: JetsonFacts("36.4.7", "15W", None, None))
    report = EnvironmentReport.collect()
    assert "  l4t release: 36.4.7\n  power mode: 15W\n  gpu clock min mhz: unknown\n" in report.text()
    assert dataclasses.asdict(report.gpus[0])["jetson"]["power_mode"] == "15W"


@pytest.mark.usefixtures("two_gpus")
def test_the_source_of_each_energy_is_named_or_the_reason_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    found = EnergySource("processor packages", "RAPL package-0", "")
    missing = EnergySource("Jetson module", None, "There is no power sensor.")
    monkeypatch.setattr(env, "energy_sources", lambda: [found, missing])
    report = EnvironmentReport.collect()
    assert (
        "\nenergy of an inference\n  processor packages: RAPL package-0\n"
        "  Jetson module: not reported\n      There is no power sensor.\n"
    ) in report.text()
    energy = json.loads(json.dumps(report.to_json()))["energy"]
    assert energy["processor packages"]["source"] == "RAPL package-0"
    assert energy["Jetson module"] == {
        "part": "Jetson module",
        "source": None,
        "what_to_do": "There is no power sensor.",
    }
