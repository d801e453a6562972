from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pynvml
import pytest

from harness.machine.gpu.driver import CudaDriver
from harness.machine.gpu.facts import gpu_facts
from harness.machine.gpu.meter import GpuMeter
from harness.machine.meter import CpuMeter
from harness.timing.energy import energy_per_inference_mj, session_energy_mj
from tests.fakes.nvml import A100, FakeNvml, processes
from tests.harness.machine.gpu.conftest import InstallNvml


class Board:
    """A board that draws constant power while inferences of one duration run, with a coarse energy counter."""

    def __init__(self, *, power_w: float, inference_s: float, period_s: float = 0.1, phase_s: float = 0.03) -> None:
        self.now_s = 0.0
        self._power_w = power_w
        self._inference_s = inference_s
        self._period_s = period_s
        self._phase_s = phase_s
        self.runs = 0

    def run(self) -> None:
        self.runs += 1
        self.now_s += self._inference_s

    def clock_s(self) -> float:
        return self.now_s

    def counter_mj(self, handle: object) -> int:
        steps = (self.now_s + self._phase_s) // self._period_s
        return int(1e6 + steps * self._period_s * self._power_w * 1000)


def meter_of(board: Board, install_nvml: InstallNvml, **answers: object) -> GpuMeter:
    return GpuMeter(
        install_nvml(FakeNvml({**A100, "nvmlDeviceGetTotalEnergyConsumption": board.counter_mj, **answers}))
    )


@pytest.mark.parametrize("inference_s", [0.0006, 0.004, 0.03])
@pytest.mark.parametrize("period_s", [0.02, 0.1])
def test_the_energy_is_power_times_duration(install_nvml: InstallNvml, inference_s: float, period_s: float) -> None:
    board = Board(power_w=300.0, inference_s=inference_s, period_s=period_s)
    found = energy_per_inference_mj(meter_of(board, install_nvml), board.run, clock_s=board.clock_s)
    tolerance = 0.02 + 2 * inference_s
    assert found == pytest.approx(300.0 * 1000 * inference_s, rel=tolerance)
    assert board.now_s >= 0.5


def test_runs_of_several_inferences_are_divided(install_nvml: InstallNvml) -> None:
    board = Board(power_w=100.0, inference_s=0.01)
    found = energy_per_inference_mj(
        meter_of(board, install_nvml), board.run, inferences_per_run=10, clock_s=board.clock_s
    )
    assert found == pytest.approx(100.0, rel=0.05)


def test_the_long_part_is_not_disturbed_by_looks_at_the_counter(install_nvml: InstallNvml) -> None:
    board = Board(power_w=100.0, inference_s=0.001)
    looks_s: list[float] = []

    def counter_mj(handle: object) -> int:
        looks_s.append(board.now_s)
        return board.counter_mj(handle)

    meter = meter_of(board, install_nvml, nvmlDeviceGetTotalEnergyConsumption=counter_mj)
    assert energy_per_inference_mj(meter, board.run, least_s=1.0, clock_s=board.clock_s) is not None
    pauses_s = [after - before for before, after in itertools.pairwise(looks_s)]
    assert max(pauses_s) == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize(
    "answers",
    [
        {"nvmlDeviceGetTotalEnergyConsumption": pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)},
        {"nvmlDeviceGetComputeRunningProcesses_v3": processes(os.getpid(), 1)},
        {"nvmlDeviceIsMigDeviceHandle": 1},
    ],
)
def test_no_figure_and_no_inference_if_the_counter_is_not_ours(
    install_nvml: InstallNvml, answers: dict[str, object]
) -> None:
    board = Board(power_w=100.0, inference_s=0.01)
    assert energy_per_inference_mj(meter_of(board, install_nvml, **answers), board.run, clock_s=board.clock_s) is None
    assert board.runs == 0


def test_no_figure_without_nvml() -> None:
    assert energy_per_inference_mj(GpuMeter(None), lambda: None) is None


def test_no_figure_if_another_process_appears(install_nvml: InstallNvml) -> None:
    board = Board(power_w=100.0, inference_s=0.01)
    meter = meter_of(
        board,
        install_nvml,
        nvmlDeviceGetComputeRunningProcesses_v3=lambda handle: processes(os.getpid(), *([1] * (board.runs > 0))),
    )
    assert energy_per_inference_mj(meter, board.run, clock_s=board.clock_s) is None


def test_a_counter_that_stands_still_gives_none_in_bounded_time(install_nvml: InstallNvml) -> None:
    board = Board(power_w=0.0, inference_s=0.01)
    assert energy_per_inference_mj(meter_of(board, install_nvml), board.run, clock_s=board.clock_s) is None
    assert board.now_s == pytest.approx(1.0, abs=0.05)


def test_a_counter_that_is_lost_during_the_measurement_gives_none(install_nvml: InstallNvml) -> None:
    board = Board(power_w=100.0, inference_s=0.01)

    def counter_mj(handle: object) -> int:
        if board.runs > 20:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return board.counter_mj(handle)

    meter = meter_of(board, install_nvml, nvmlDeviceGetTotalEnergyConsumption=counter_mj)
    assert energy_per_inference_mj(meter, board.run, clock_s=board.clock_s) is None


class Session:
    """A session of the board's inferences, which runs its blocks as fast as possible."""

    def __init__(self, board: Board, inference_s: float) -> None:
        self._board = board
        self._inference_s = inference_s
        self.blocks: list[int] = []

    def infer(self) -> None:
        raise AssertionError("inferences are to run back to back")

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        self.blocks.append(len(latencies_ns))
        latencies_ns[:] = round(self._inference_s * 1e9)
        for _ in latencies_ns:
            self._board.run()


def test_a_session_runs_in_short_blocks(install_nvml: InstallNvml) -> None:
    board = Board(power_w=200.0, inference_s=0.001)
    session = Session(board, 0.001)
    found = session_energy_mj(meter_of(board, install_nvml), session, clock_s=board.clock_s)
    assert found == pytest.approx(200.0, rel=0.03)
    assert session.blocks[0] == 10
    assert set(session.blocks[1:]) == {5}


def test_a_session_on_the_processor_has_no_energy(install_nvml: InstallNvml) -> None:
    board = Board(power_w=200.0, inference_s=0.001)
    session = Session(board, 0.001)
    assert session_energy_mj(CpuMeter(), session) is None
    assert session_energy_mj(GpuMeter(install_nvml(FakeNvml({}))), session) is None
    assert session.blocks == []


@pytest.mark.gpu
@pytest.mark.skipif(sys.platform == "win32", reason="no counter under WDDM")
def test_a_real_board_counts_a_plausible_power() -> None:
    """Copies 256 MiB repeatedly: energy over time is between 5 W and 110 % of the driver's limit."""
    with CudaDriver.open(0) as driver:
        meter = GpuMeter.open(0)
        if meter.energy_mj() is None:
            pytest.skip("this GPU has no energy counter")
        limit_w = gpu_facts(0).power_limit_w
        stream = driver.stream()
        array = driver.pinned((64 << 20,), np.float32)
        pointer = driver.allocate(array.nbytes)

        def run() -> None:
            driver.copy_to_device(pointer, array, stream)
            driver.synchronise(stream)

        run()
        begin_s = time.perf_counter()
        for _ in range(10):
            run()
        run_s = (time.perf_counter() - begin_s) / 10
        found = energy_per_inference_mj(meter, run)
    assert found is not None
    power_w = found / 1000 / run_s
    assert 5 < power_w < 1.1 * (limit_w or 1500)
