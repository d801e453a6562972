"""Pairs on the real runtime: one process, and two."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundation.digests import file_sha256
from harness import backends
from harness.comparison import duet
from harness.comparison.pair import Conditions, Pairing, Side, measure_pair, pair_result
from harness.errors import ComparisonError
from harness.machine.gpu.settings import GpuSettings
from harness.processes import launcher
from harness.processes.trial import TrialResult
from harness.timing.settings import TimingSettings

QUICK = TimingSettings(warmup_s=0.01, block_ms=3.0, groups=2, settle_ms=0.5, foreign_cpu_limit=100.0)
HERE = duet.Interpreters(Path(sys.executable))
CONDITIONS = Conditions("onnxruntime", 1, QUICK, GpuSettings(), 60.0, "")


def side(path: Path) -> Side:
    return Side(str(path), file_sha256(path), "fp32")


@pytest.fixture
def sizes(write_network: Callable[..., Path], tmp_path: Path) -> tuple[Side, Side]:
    """A network, and one of the same kind whose images have 64 times as many pixels."""
    found = []
    for size in (32, 256):
        path = write_network(shape=[1, 3, size, size])
        kept = tmp_path / f"{size}.onnx"
        kept.write_bytes(path.read_bytes())
        found.append(side(kept))
    return found[0], found[1]


def trial(ratio: float) -> TrialResult:
    return TrialResult(
        "ok", ratio=ratio, latency_median_ms=4.0, reference_median_ms=2.0, blocks_count=8, blocks_contaminated_count=8
    )


def test_the_ratio_is_the_candidates_over_the_baselines_whatever_the_place() -> None:
    straight, swapped = pair_result(trial(2.0), swapped=False), pair_result(trial(2.0), swapped=True)
    assert straight.log_ratio == pytest.approx(math.log(2))
    assert (straight.base_median_ms, straight.new_median_ms) == (2.0, 4.0)
    assert swapped.log_ratio == pytest.approx(-math.log(2))
    assert (swapped.base_median_ms, swapped.new_median_ms) == (4.0, 2.0)
    assert straight.contaminated


def test_a_side_may_have_a_runtime_of_its_own() -> None:
    own = dataclasses.replace(Side("net.onnx", "", "fp32"), backend="openvino")
    assert [CONDITIONS.target(one, 1).backend for one in (Side("net.onnx", "", "fp32"), own)] == [
        "onnxruntime",
        "openvino",
    ]


def test_a_failed_trial_has_no_ratio() -> None:
    found = pair_result(TrialResult("out_of_memory", "too large"), swapped=True)
    assert (found.status, found.reason, found.log_ratio) == ("out_of_memory", "too large", None)


def python_script(folder: Path, options: str = "") -> Path:
    """An interpreter with another path than this one; it has this one's packages unless the options are `-S`."""
    script = folder / f"python{options}"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {options} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("processes", [1, 2])
def test_the_larger_network_is_the_slower(
    sizes: tuple[Side, Side], tmp_path: Path, swapped: bool, processes: int
) -> None:
    small, large = sizes
    one = Pairing("m", 1, base=small, new=large)
    if processes == 1:
        found = measure_pair(one, CONDITIONS, seed=0, swapped=swapped, work_dir=tmp_path)
    else:
        found = duet.measure_duet(one, CONDITIONS, HERE, seed=0, swapped=swapped)
    assert found.reason == ""
    assert found.log_ratio is not None
    assert found.log_ratio > math.log(3)
    assert found.base_median_ms is not None
    assert found.new_median_ms is not None
    assert found.new_median_ms > found.base_median_ms


def test_a_partner_that_cannot_load_its_side_says_why(sizes: tuple[Side, Side], tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    one = Pairing("m", 1, base=side(broken), new=sizes[0])
    found = duet.measure_duet(one, CONDITIONS, HERE, seed=0, swapped=False)
    assert found.status == "failed"
    assert "broken.onnx" in found.reason


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_side_that_changed_is_refused_in_either_place(
    sizes: tuple[Side, Side], tmp_path: Path, swapped: bool, processes: int
) -> None:
    one = Pairing("m", 1, base=dataclasses.replace(sizes[0], sha256="0" * 64), new=sizes[0])
    if processes == 1:
        found = measure_pair(one, CONDITIONS, seed=0, swapped=swapped, work_dir=tmp_path)
    else:
        found = duet.measure_duet(one, CONDITIONS, HERE, seed=0, swapped=swapped)
    assert found.status == "failed"
    assert "not 0000000000000000 as planned" in found.reason


def test_a_partner_that_dies_is_reported_with_its_signal(
    sizes: tuple[Side, Side], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = duet.ChildProcess.ask

    def ask_the_dead(self: duet.ChildProcess, order: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        if "untimed" in order:
            self._process.kill()
        return ask(self, order, timeout_s)

    monkeypatch.setattr(duet.ChildProcess, "ask", ask_the_dead)
    one = Pairing("m", 1, base=sizes[0], new=sizes[0])
    found = duet.measure_duet(one, CONDITIONS, HERE, seed=0, swapped=False)
    assert found.status == "out_of_memory"
    assert "SIGKILL" in found.reason


def test_a_pair_that_takes_too_long_is_ended(sizes: tuple[Side, Side], tmp_path: Path) -> None:
    hasty = Conditions("onnxruntime", 1, TimingSettings(warmup_s=60.0), GpuSettings(), 1.0, "")
    one = Pairing("m", 1, base=sizes[0], new=sizes[0])
    found = duet.measure_duet(one, hasty, HERE, seed=0, swapped=False)
    assert found.status == "timeout"
    assert "within 1 s" in found.reason


def test_another_interpreter_is_lent_this_project_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed beside the project, as after `pip install .`, must not hide what the other one lacks or has."""
    site = tmp_path / "site"
    site.mkdir()
    for package in ("foundation", "harness"):
        (site / package).symlink_to(Path(launcher.__file__).parents[2] / package)
    (site / "numpy.py").write_text("raise RuntimeError('the numpy of another environment')")
    monkeypatch.setattr(launcher, "_PACKAGES", site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    with pytest.raises(ComparisonError, match="No module named 'numpy'"):
        duet.check_python(python_script(tmp_path, "-S"), "onnxruntime")
    assert duet.check_python(python_script(tmp_path), "onnxruntime") == backends.get("onnxruntime").runtime()


def test_an_interpreter_that_cannot_measure_is_refused(tmp_path: Path) -> None:
    assert duet.check_python(Path(sys.executable), "onnxruntime") == backends.get("onnxruntime").runtime()
    with pytest.raises(ComparisonError, match="cannot be run"):
        duet.check_python(tmp_path / "python", "onnxruntime")
    with pytest.raises(ComparisonError, match="cannot measure: ModuleNotFoundError: No module named 'numpy'"):
        duet.check_python(python_script(tmp_path, "-S"), "onnxruntime")
    with pytest.raises(ComparisonError, match="cannot measure: backend onnxruntime-cuda cannot run here"):
        duet.check_python(Path(sys.executable), "onnxruntime-cuda")
