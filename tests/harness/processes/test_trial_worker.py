from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import HarnessError, UnsupportedError
from harness.machine.energy import sources
from harness.machine.energy.rapl import Package
from harness.machine.linux_facts import LinuxFacts, Throttling
from harness.processes import child, trial_worker
from harness.processes.trial import TrialJob, TrialResult
from tests.fakes.energy_files import advance, jetson, processor

WriteNetwork = Callable[..., Path]


def work(job: TrialJob, tmp_path: Path) -> TrialResult:
    job_path, result_path = tmp_path / "job.json", tmp_path / "result.json"
    job_path.write_text(json.dumps(job.to_json()))
    assert trial_worker.main([str(job_path), str(result_path)]) == 0
    return TrialResult.from_json(json.loads(result_path.read_text()))


def with_first(job: TrialJob, **changes: Any) -> TrialJob:
    return dataclasses.replace(job, first=dataclasses.replace(job.first, **changes))


def test_a_trial_fills_every_number(quick_job: TrialJob, tmp_path: Path) -> None:
    result = work(quick_job, tmp_path)
    assert result.reason == ""
    assert result.status == "ok"
    empty = {name for name, value in result.to_json().items() if value is None}
    not_counted = {"subnormal_weights_percent", "subnormal_activations_percent"}
    no_quota = {"quota_periods_count", "quota_throttled_periods_count"}
    no_meter = {"cpu_energy_mj", "module_energy_mj"}
    assert empty - no_quota <= {"latency_p99_ms", "gpu", *not_counted, *no_meter}
    assert result.precision_effective == "fp32"
    assert result.latency_min_ms <= result.latency_median_ms <= result.latency_p90_ms
    assert result.throughput_images_per_s == pytest.approx(1000 / result.latency_median_ms)


def test_the_figures_are_those_of_the_samples(quick_job: TrialJob, tmp_path: Path) -> None:
    result = work(quick_job, tmp_path)
    with np.load(quick_job.samples, allow_pickle=False) as samples:
        of_measured = samples["block_session"][samples["block"]] == 0
        latencies_ms = samples["latency_ns"][of_measured] / 1e6
    assert result.latency_median_ms == pytest.approx(np.median(latencies_ms))
    assert result.latency_mean_ms == pytest.approx(np.mean(latencies_ms))
    assert result.samples_count == len(latencies_ms)
    assert result.blocks_count == 8


def test_the_digests_identify_the_input_and_the_reference(quick_job: TrialJob, tmp_path: Path) -> None:
    result = work(quick_job, tmp_path)
    images = np.random.default_rng(7).standard_normal((1, 3, 8, 8), dtype=np.float32)
    assert result.input_digest == hashlib.sha256(images.tobytes()).hexdigest()
    assert result.reference_sha256 == hashlib.sha256(Path(quick_job.second.artifact).read_bytes()).hexdigest()


def test_the_same_seed_gives_the_same_outputs(quick_job: TrialJob, tmp_path: Path) -> None:
    first, again = work(quick_job, tmp_path), work(quick_job, tmp_path)
    other = work(dataclasses.replace(quick_job, seed=8), tmp_path)
    assert first.output_digest == again.output_digest
    assert first.input_digest != other.input_digest
    assert first.output_digest != other.output_digest


def test_no_path_of_samples_writes_none(quick_job: TrialJob, tmp_path: Path) -> None:
    assert work(dataclasses.replace(quick_job, samples=""), tmp_path).status == "ok"
    assert not Path(quick_job.samples).exists()


def test_an_artifact_that_changed_is_refused(quick_job: TrialJob, tmp_path: Path) -> None:
    right = hashlib.sha256(Path(quick_job.first.artifact).read_bytes()).hexdigest()
    assert work(with_first(quick_job, sha256=right), tmp_path).status == "ok"
    result = work(with_first(quick_job, sha256="0" * 64), tmp_path)
    assert result.status == "failed"
    assert "not 0000000000000000 as planned" in result.reason


def test_a_network_that_yields_nan_is_failed(quick_job: TrialJob, tmp_path: Path, write_network: WriteNetwork) -> None:
    job = with_first(quick_job, artifact=str(write_network("nan.onnx", weight=float("nan"), operator="Abs")))
    result = work(job, tmp_path)
    assert result.status == "failed"
    assert "'logits' is NaN in 256 of 256 values" in result.reason


def test_a_network_that_overflows_is_failed(quick_job: TrialJob, tmp_path: Path, write_network: WriteNetwork) -> None:
    job = with_first(quick_job, artifact=str(write_network("inf.onnx", weight=1e3, operator="Exp")))
    result = work(job, tmp_path)
    assert result.status == "failed"
    assert "'logits' is infinite" in result.reason


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"artifact": "gone.onnx", "sha256": "0" * 64}, "failed", "gone.onnx cannot be read"),
        ({"artifact": "gone.onnx"}, "failed", "There is no file gone.onnx"),
        ({"batch": 8}, "failed", "batch 8 was requested"),
        ({"precision": "fp8"}, "unsupported", "does not support precision fp8"),
        ({"backend": "abacus"}, "failed", "no backend 'abacus'"),
    ],
)
def test_a_job_that_cannot_be_done_has_a_reason(
    quick_job: TrialJob, tmp_path: Path, change: dict[str, str | int], status: str, reason: str
) -> None:
    result = work(with_first(quick_job, **change), tmp_path)
    assert result.status == status
    assert reason in result.reason
    assert result.latency_median_ms is None
    assert result.started_at is not None


def test_a_job_file_that_is_not_json_is_failed(tmp_path: Path) -> None:
    job_path, result_path = tmp_path / "job.json", tmp_path / "result.json"
    job_path.write_text("{")
    trial_worker.main([str(job_path), str(result_path)])
    assert json.loads(result_path.read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), "out_of_memory"),
        (RuntimeError("Failed to allocate memory for requested buffer of size 123"), "out_of_memory"),
        (RuntimeError("std::bad_alloc"), "out_of_memory"),
        (UnsupportedError("No such kernel."), "unsupported"),
        (HarnessError("A message for users."), "failed"),
        (KeyError("shape"), "failed"),
    ],
)
def test_every_exception_becomes_a_status_with_a_reason(error: Exception, status: str) -> None:
    result = child.failure(error)
    assert result.status == status
    assert result.reason


def test_an_unforeseen_exception_is_named() -> None:
    assert child.failure(KeyError("shape")).reason == "KeyError: 'shape'"


def test_the_worker_imports_nothing_heavy() -> None:
    """The worker's start-up is part of every trial; imports of numpy itself do not count."""
    packages = {"pandas", "torch", "tensorflow", "matplotlib", "rich", "onnx", "onnxruntime", "scipy", "psutil"}
    packages |= {"platformdirs", "pynvml"}
    standard = {"argparse", "concurrent.futures", "email", "http", "importlib.metadata", "mmap", "random", "shutil"}
    standard |= {"statistics", "subprocess", "tempfile", "threading"}
    own = {"harness.backends.layers", "harness.files.artifact_digest", "harness.machine.linux_facts"}
    own |= {"harness.machine.gpu.facts", "harness.machine.gpu.figures", "harness.processes.launcher"}
    own |= {"harness.timing.slowdown", "numpy.typing"}
    code = (
        "import numpy, sys; before = set(sys.modules); import harness.processes.trial_worker; "
        "print(*set(sys.modules) - before)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (packages | standard | own).isdisjoint(answer.stdout.split())


def test_the_processors_backend_imports_no_profiler() -> None:
    code = (
        "import numpy, sys; before = set(sys.modules); import harness.backends.onnxruntime.cpu; "
        "print(*set(sys.modules) - before)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    profiler = {"harness.backends.layers", "harness.backends.onnxruntime.layers", "statistics", "decimal"}
    assert profiler.isdisjoint(answer.stdout.split())


def test_subnormal_numbers_are_counted_on_request(
    quick_job: TrialJob, write_network: WriteNetwork, tmp_path: Path
) -> None:
    plain = work(dataclasses.replace(quick_job, count_subnormals=True), tmp_path)
    assert (plain.status, plain.subnormal_weights_percent) == ("ok", 0.0)
    tiny = with_first(quick_job, artifact=str(write_network(weight=1e-40)), sha256="")
    assert work(tiny, tmp_path).subnormal_weights_percent is None
    counted = work(dataclasses.replace(tiny, count_subnormals=True), tmp_path)
    assert (counted.status, counted.subnormal_weights_percent) == ("ok", 100.0)
    assert counted.subnormal_activations_percent is not None
    assert counted.subnormal_activations_percent > 10


def test_periods_of_a_quota_are_those_of_the_timed_blocks(
    quick_job: TrialJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter(Throttling(periods, periods // 10) for periods in (100, 150))
    monkeypatch.setattr(LinuxFacts, "throttling", lambda _self: {"sys/fs/cgroup": next(counts)})
    result = work(quick_job, tmp_path)
    assert (result.quota_periods_count, result.quota_throttled_periods_count) == (50, 5)


def read_files_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "open_meters", functools.partial(sources.open_meters, root=root))


@pytest.mark.skipif("sys.platform == 'win32'", reason="a colon in a file's name")
def test_the_energy_of_a_module_is_measured_on_request(
    quick_job: TrialJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jetson(tmp_path, "VDD_IN", voltage_mv=5000, current_ma=2000)
    read_files_below(tmp_path, monkeypatch)
    result = work(dataclasses.replace(quick_job, measure_energy=True), tmp_path)
    # Power times the time of an inference, which other programs of the machine may prolong.
    assert result.module_energy_mj is not None
    assert result.module_energy_mj > 0
    assert result.cpu_energy_mj is None
    assert work(quick_job, tmp_path).module_energy_mj is None


@pytest.mark.skipif("sys.platform == 'win32'", reason="a colon in a file's name")
def test_the_energy_of_the_processor_is_measured_on_request(
    quick_job: TrialJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = processor(tmp_path)
    read_files_below(tmp_path, monkeypatch)
    read = Package.counter_uj

    def read_later(package: Package) -> int:
        advance(counter, 40_000)
        return read(package)

    monkeypatch.setattr(Package, "counter_uj", read_later)
    result = work(dataclasses.replace(quick_job, measure_energy=True), tmp_path)
    assert result.cpu_energy_mj > 0
    assert result.module_energy_mj is None


def test_a_machine_without_meters_makes_no_more_inferences(
    quick_job: TrialJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_files_below(tmp_path, monkeypatch)
    monkeypatch.delitem(sys.modules, "harness.timing.system_energy", raising=False)
    assert work(dataclasses.replace(quick_job, measure_energy=True), tmp_path).cpu_energy_mj is None
    assert "harness.timing.system_energy" not in sys.modules


def test_no_meter_is_opened_unasked(quick_job: TrialJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the pairs of a gate."""
    monkeypatch.setattr(sources, "open_meters", lambda **_: pytest.fail("a meter was opened"))
    assert work(quick_job, tmp_path).status == "ok"
