from __future__ import annotations

import os
import sys
from typing import Any

import pynvml
import pytest

from harness.errors import UnsupportedError
from harness.machine.gpu import meter as meter_module
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.meter import GpuMeter, MeterReading
from harness.machine.gpu.nvml import GpuReading
from harness.machine.meter import CpuReading
from tests.fakes.cuda_devices import FakeGpu
from tests.fakes.nvml import A100, FakeNvml, processes
from tests.harness.machine.gpu.conftest import InstallGpus, InstallNvml

LIMIT_CORES = 0.3
QUIET = CpuReading(wall_s=0.0, busy_s=0.0, own_s=0.0)


def judge(meter: GpuMeter, before: GpuReading, after: GpuReading) -> tuple[bool, tuple[str, ...]]:
    found = meter.judge(MeterReading(before, QUIET), MeterReading(after, QUIET), LIMIT_CORES)
    assert found.contaminated == bool(found.reasons)
    return found.contaminated, found.reasons


def after_foreign_load(cores: float) -> CpuReading:
    """A reading one second later, with this many cores used by others."""
    return CpuReading(wall_s=1.0, busy_s=cores, own_s=0.0)


@pytest.fixture
def meter() -> GpuMeter:
    return GpuMeter(None)


@pytest.mark.parametrize(
    "reason", ["hw slowdown", "sw thermal slowdown", "hw thermal slowdown", "hw power brake slowdown"]
)
def test_a_protection_that_holds_the_clock_down_contaminates(meter: GpuMeter, reason: str) -> None:
    free, held = GpuReading(throttle_reasons=()), GpuReading(throttle_reasons=("sw power cap", reason))
    assert judge(meter, free, held) == (True, (reason,))
    assert judge(meter, held, free) == (True, (reason,))


def test_settings_and_limits_of_the_card_are_only_recorded(meter: GpuMeter) -> None:
    held = GpuReading(
        throttle_reasons=(
            *("gpu idle", "applications clocks setting", "sw power cap", "sync boost", "display clock setting"),
            *("board limit", "reliability", "reason 0x8000"),
        )
    )
    assert judge(meter, held, held) == (False, ())


def test_heat_between_two_readings_contaminates(meter: GpuMeter) -> None:
    before, after = GpuReading(thermal_violation_ns=5), GpuReading(thermal_violation_ns=6)
    assert judge(meter, before, after) == (True, ("thermal violation",))
    assert judge(meter, before, before) == (False, ())


def test_a_counter_that_appears_or_vanishes_says_nothing(meter: GpuMeter) -> None:
    unknown, known = GpuReading(), GpuReading(thermal_violation_ns=0)
    assert judge(meter, unknown, known) == judge(meter, known, unknown) == (False, ())


def test_another_process_at_either_end_contaminates(meter: GpuMeter) -> None:
    alone, shared = GpuReading(pids=(os.getpid(),)), GpuReading(pids=(os.getpid(), 1))
    assert judge(meter, alone, alone) == (False, ())
    assert judge(meter, alone, shared) == judge(meter, shared, alone) == (True, ("other processes on the GPU",))


def test_in_a_container_one_unknown_process_is_this_one(meter: GpuMeter) -> None:
    host_id = 4_000_000
    assert judge(meter, GpuReading(pids=(host_id,)), GpuReading(pids=(host_id,))) == (False, ())


def test_unknown_facts_do_not_contaminate(meter: GpuMeter) -> None:
    assert judge(meter, GpuReading(), GpuReading()) == (False, ())


@pytest.mark.parametrize(
    ("allowed", "foreign", "contaminated"),
    [(8, 6.5, False), (8, 7.5, True), (2, 0.9, False), (2, 1.1, True), (1, 0.2, False), (1, 0.4, True)],
)
def test_the_processor_counts_where_it_leaves_no_core_to_enqueue_from(
    meter: GpuMeter, monkeypatch: pytest.MonkeyPatch, allowed: int, foreign: float, contaminated: bool
) -> None:
    monkeypatch.setattr(meter_module, "allowed_cpus", lambda: frozenset(range(allowed)))
    before, after = MeterReading(GpuReading(), QUIET), MeterReading(GpuReading(), after_foreign_load(foreign))
    found = meter.judge(before, after, LIMIT_CORES)
    assert found.foreign_cores == pytest.approx(foreign)
    assert found.contaminated is contaminated


def test_a_system_without_affinity_has_the_usual_limit(meter: GpuMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "allowed_cpus", lambda: None)
    before, after = MeterReading(GpuReading(), QUIET), MeterReading(GpuReading(), after_foreign_load(0.4))
    assert meter.judge(before, after, LIMIT_CORES).contaminated


def test_the_summary_has_medians_reasons_and_the_most_processes(install_nvml: InstallNvml) -> None:
    fake = FakeNvml()
    meter = GpuMeter(install_nvml(fake))
    script: list[dict[str, Any]] = [
        {"nvmlDeviceGetPowerUsage": 100_000, "nvmlDeviceGetCurrentClocksEventReasons": 0x1},
        {"nvmlDeviceGetPowerUsage": 300_000, "nvmlDeviceGetCurrentClocksEventReasons": 0x20},
        {"nvmlDeviceGetPowerUsage": 200_000, "nvmlDeviceGetCurrentClocksEventReasons": 0x5},
    ]
    others = [processes(os.getpid()), processes(os.getpid(), 1, 2), processes(os.getpid())]
    for answers, listed in zip(script, others, strict=True):
        fake.answers.update(answers, nvmlDeviceGetComputeRunningProcesses_v3=listed)
        meter.read()
    summary = GpuFigures(**meter.summary())
    assert summary.sm_clock_mhz == 1410
    assert summary.memory_clock_mhz == 1215
    assert summary.power_w == 200.0
    assert summary.temperature_c == 50
    assert summary.throttle_reasons == "sw thermal slowdown+sw power cap"
    assert summary.foreign_processes_count == 2
    (warning,) = summary.warnings
    assert warning.startswith("2 other processes had a context")


def test_the_summary_of_a_free_gpu_warns_of_nothing(install_nvml: InstallNvml) -> None:
    meter = GpuMeter(install_nvml(FakeNvml()))
    meter.judge(meter.read(), meter.read(), LIMIT_CORES)
    summary = GpuFigures(**meter.summary())
    assert summary.throttle_reasons == ""
    assert summary.foreign_processes_count == 0
    assert summary.warnings == ()


def test_heat_between_readings_is_in_the_summary(install_nvml: InstallNvml) -> None:
    fake = FakeNvml()
    meter = GpuMeter(install_nvml(fake))
    before = meter.read()
    fake.answers["nvmlDeviceGetViolationStatus"] = pynvml.c_nvmlViolationTime_t(0, 7)
    assert meter.judge(before, meter.read(), LIMIT_CORES).contaminated
    assert meter.summary()["throttle_reasons"] == "thermal violation"


def test_the_readings_join_the_figures_and_the_warnings_follow(install_nvml: InstallNvml) -> None:
    fake = FakeNvml()
    meter = GpuMeter(install_nvml(fake))
    meter.read()
    figures = GpuFigures(latency_host_median_ms=2.0, queue_depth=3, warnings=("bound by enqueueing",))
    joined = figures.with_readings(meter.summary())
    assert (joined.latency_host_median_ms, joined.queue_depth, joined.sm_clock_mhz) == (2.0, 3, 1410)
    assert joined.warnings == figures.warnings
    fake.answers["nvmlDeviceGetComputeRunningProcesses_v3"] = processes(os.getpid(), 1)
    meter.read()
    first, second = figures.with_readings(meter.summary()).warnings
    assert first == "bound by enqueueing"
    assert second.startswith("1 other process had")


def test_a_moving_clock_gives_a_warning(install_nvml: InstallNvml) -> None:
    fake = FakeNvml()
    meter = GpuMeter(install_nvml(fake))
    meter.read()
    fake.answers["nvmlDeviceGetClockInfo"] = 1095
    meter.read()
    (warning,) = meter.summary()["warnings"]
    assert "between 1095 and 1410 MHz" in warning
    assert "--lock-gpu-clocks" in warning


def test_a_gpu_that_reports_nothing_has_an_empty_summary_and_no_warning(install_nvml: InstallNvml) -> None:
    meter = GpuMeter(install_nvml(FakeNvml({})))
    meter.judge(meter.read(), meter.read(), LIMIT_CORES)
    assert GpuFigures(**meter.summary()) == GpuFigures()


def test_without_nvml_the_summary_says_why(install_gpus: InstallGpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a Jetson before JetPack 6."""
    install_gpus(FakeGpu(name="Orin"))
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(init_error=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    meter = GpuMeter.open(0)
    assert meter.energy_mj() is None
    assert not meter.judge(meter.read(), meter.read(), 1000.0).contaminated
    summary = GpuFigures(**meter.summary())
    assert summary.sm_clock_mhz is None
    assert "no libnvidia-ml" in summary.warnings[0]


def test_it_opens_the_gpu_that_cuda_means(install_gpus: InstallGpus, install_nvml: InstallNvml) -> None:
    """CUDA's GPU 0 is the second GPU in NVML."""
    uuid = "11111111-2222-3333-4444-555555555555"
    clocks = {0: 300, 1: 1980}
    fake = FakeNvml(
        {**A100, "nvmlDeviceGetClockInfo": lambda handle, kind: clocks[handle]},
        uuids=(f"GPU-{FakeGpu().uuid}", f"GPU-{uuid}"),
    )
    install_nvml(fake)
    install_gpus(FakeGpu(uuid=uuid), FakeGpu())
    assert GpuMeter.open(0).read().gpu.sm_clock_mhz == 1980
    assert GpuMeter.open(1).read().gpu.sm_clock_mhz == 300


def test_without_that_gpu_there_is_no_meter(install_gpus: InstallGpus) -> None:
    install_gpus(FakeGpu())
    with pytest.raises(UnsupportedError, match=r"no GPU 3: CUDA sees 0 \(NVIDIA A100"):
        GpuMeter.open(3)
