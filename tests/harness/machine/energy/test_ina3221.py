from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.errors import EnergyUnavailableError
from harness.machine.energy.ina3221 import ModuleMeter
from tests.fakes.energy_files import jetson, old_jetson, replace_file

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="a colon in a file's name")

ORIN_NX = ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC")


def test_the_energy_is_the_modules_power_times_the_duration(tmp_path: Path) -> None:
    jetson(tmp_path, *ORIN_NX, voltage_mv=5100, current_ma=1900)
    meter = ModuleMeter(tmp_path)
    assert meter.source == "INA3221 VDD_IN"
    assert meter.energy_mj(lambda: 0.2) == pytest.approx(5.1 * 1900 * 0.2)


def test_the_rail_may_be_any_channel(tmp_path: Path) -> None:
    jetson(tmp_path, "VDD_CPU_GPU_CV", "NC", "VDD_IN", voltage_mv=5000, current_ma=3000)
    assert ModuleMeter(tmp_path).energy_mj(lambda: 0.1) == pytest.approx(5000 * 0.1)


def test_an_older_jetson_reports_power(tmp_path: Path) -> None:
    old_jetson(tmp_path, "POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU", power_mw=4500)
    meter = ModuleMeter(tmp_path)
    assert meter.source == "INA3221 POM_5V_IN"
    assert meter.energy_mj(lambda: 0.2) == pytest.approx(900)


def test_power_is_sampled_while_it_runs(tmp_path: Path) -> None:
    power = old_jetson(tmp_path, "VDD_IN", power_mw=2000) / "in_power0_input"

    def run() -> float:
        for power_mw in (2000, 6000):
            replace_file(power, f"{power_mw}\n")
            time.sleep(0.3)
        return 1.0

    # Either half has about thirty readings.
    assert ModuleMeter(tmp_path).energy_mj(run) == pytest.approx(4000, rel=0.25)


def test_no_figure_if_the_sensor_vanishes_meanwhile(tmp_path: Path) -> None:
    power = old_jetson(tmp_path, "VDD_IN") / "in_power0_input"
    meter = ModuleMeter(tmp_path)

    def run() -> float:
        power.unlink()
        time.sleep(0.1)
        return 0.1

    assert meter.energy_mj(run) is None


def test_a_failing_inference_ends_the_sampling(tmp_path: Path) -> None:
    jetson(tmp_path, *ORIN_NX)

    def run() -> float:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        ModuleMeter(tmp_path).energy_mj(run)


def test_another_machine_has_no_such_sensor(tmp_path: Path) -> None:
    with pytest.raises(EnergyUnavailableError, match="no power sensor INA3221"):
        ModuleMeter(tmp_path)


def test_rails_of_parts_are_not_the_module(tmp_path: Path) -> None:
    jetson(tmp_path, "VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")
    with pytest.raises(EnergyUnavailableError) as caught:
        ModuleMeter(tmp_path)
    assert "measure VDD_CPU_CV, VDD_GPU_SOC, VIN_SYS_5V0, none of which supplies the whole module" in str(caught.value)


def test_a_file_for_root_alone_is_explained(
    open_folder: Path, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    current = jetson(open_folder, *ORIN_NX) / "curr1_input"
    current.chmod(0o000)
    with as_nobody(), pytest.raises(EnergyUnavailableError, match=r"not read the power of VDD_IN.* sudo chmod a\+r "):
        ModuleMeter(open_folder)


def test_a_power_without_a_number_is_named(tmp_path: Path) -> None:
    (old_jetson(tmp_path, "VDD_IN") / "in_power0_input").write_text("off\n")
    with pytest.raises(EnergyUnavailableError, match="The power of VDD_IN cannot be read"):
        ModuleMeter(tmp_path)
