from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from harness.machine.energy.ina3221 import ModuleMeter
from harness.machine.energy.rapl import PackageMeter
from harness.timing.system_energy import energies_mj
from tests.fakes.energy_files import RANGE_UJ, advance, jetson, processor

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="a colon in a file's name")


class Inferences:
    """Inferences of one duration, on a clock that they alone advance, at a steady power of the counter."""

    def __init__(self, inference_s: float, counter: Path | None = None, power_w: float = 0.0) -> None:
        self.now_s = 0.0
        self.blocks: list[int] = []
        self._inference_s = inference_s
        self._counter = counter
        self._power_w = power_w

    def infer(self) -> None:
        raise AssertionError("inferences are to run back to back")

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        self.blocks.append(len(latencies_ns))
        self.now_s += len(latencies_ns) * self._inference_s
        if self._counter is not None:
            advance(self._counter, round(len(latencies_ns) * self._inference_s * self._power_w * 1e6))

    def clock_s(self) -> float:
        return self.now_s


@pytest.mark.parametrize("inference_s", [0.0003, 0.004, 0.03, 1.5])
def test_the_energy_of_the_processor_is_power_times_duration(tmp_path: Path, inference_s: float) -> None:
    counter = processor(tmp_path, RANGE_UJ - 1000)
    session = Inferences(inference_s, counter, power_w=40.0)
    found = energies_mj([PackageMeter(tmp_path)], session, 1000 * inference_s, clock_s=session.clock_s)
    assert found == {"cpu_energy_mj": pytest.approx(40.0 * 1000 * inference_s)}
    assert 0.2 <= session.now_s < 0.2 + max(0.011, inference_s)


def test_a_slow_network_runs_once(tmp_path: Path) -> None:
    session = Inferences(0.7, processor(tmp_path), power_w=40.0)
    energies_mj([PackageMeter(tmp_path)], session, 700.0, clock_s=session.clock_s)
    assert session.blocks == [1]


def test_inferences_between_two_readings_of_the_clock_take_ten_milliseconds(tmp_path: Path) -> None:
    session = Inferences(0.002, processor(tmp_path), power_w=40.0)
    energies_mj([PackageMeter(tmp_path)], session, 2.0, clock_s=session.clock_s)
    assert set(session.blocks) == {5}


def test_the_energy_of_a_module_is_power_times_duration(tmp_path: Path) -> None:
    jetson(tmp_path, "VDD_IN", voltage_mv=5000, current_ma=2000)
    session = Inferences(0.004)
    found = energies_mj([ModuleMeter(tmp_path)], session, 4.0, clock_s=session.clock_s)
    assert found == {"module_energy_mj": pytest.approx(10_000 * 0.004)}
    assert 0.25 <= session.now_s < 0.28


def test_a_meter_that_cannot_be_read_has_no_figure(tmp_path: Path) -> None:
    counter = processor(tmp_path)
    meter = PackageMeter(tmp_path)
    counter.unlink()
    session = Inferences(0.004)
    assert energies_mj([meter], session, 4.0, clock_s=session.clock_s) == {}
    assert session.blocks == []
