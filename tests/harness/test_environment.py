from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import onnxruntime
import pytest

from harness import environment
from harness.environment import Environment


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
    "change", [{"memory_mib": 1}, {"python_version": "3.99"}, {"numpy_version": "9"}, {"system_release": "99"}]
)
def test_what_may_not_does_not(here: Environment, change: dict[str, Any]) -> None:
    assert dataclasses.replace(here, **change).environment_id == here.environment_id


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
    monkeypatch.setattr(environment, "physical_cores", lambda: physical)
    monkeypatch.setattr(environment, "logical_cores", lambda: allowed)
    monkeypatch.setattr(environment.LinuxFacts, "cpu_limit_cores", lambda _self: quota)
    assert environment.default_threads() == expected


def test_every_backend_is_explained() -> None:
    reports = {report.name: report for report in environment.explain()}
    assert reports["onnxruntime"].usable
    assert onnxruntime.__version__ in reports["onnxruntime"].why


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert environment.package_version("no-such-package") is None


def test_importing_it_imports_no_runtime() -> None:
    code = "import harness.environment, sys; print({'onnxruntime', 'onnx', 'pandas'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
