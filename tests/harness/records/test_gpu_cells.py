from __future__ import annotations

import pytest

from harness.machine.gpu.figures import GpuFigures
from harness.records.gpu_cells import MEDIANS, gpu_cells
from harness.records.schema import COLUMN_NAMES


def test_a_series_on_a_processor_has_no_cells() -> None:
    assert gpu_cells([]) == {}


def test_every_cell_has_a_column() -> None:
    assert set(gpu_cells([GpuFigures()])) <= set(COLUMN_NAMES)
    assert set(MEDIANS) <= set(GpuFigures().to_json())


def test_numbers_are_medians_of_the_trials_that_have_them() -> None:
    figures = [GpuFigures(power_w=100.0), GpuFigures(), GpuFigures(power_w=120.0), GpuFigures(power_w=200.0)]
    cells = gpu_cells(figures)
    assert cells["gpu_power_w"] == 120.0
    assert cells["gpu_energy_mj"] is None


def test_throughput_is_the_hosts_if_the_gpu_reported_none() -> None:
    assert "throughput_images_per_s" not in gpu_cells([GpuFigures()])
    assert gpu_cells([GpuFigures(throughput_images_per_s=900.0)])["throughput_images_per_s"] == 900.0


def test_reasons_of_all_trials_are_reported() -> None:
    figures = [GpuFigures(throttle_reasons="sw_power_cap"), GpuFigures(throttle_reasons="")]
    assert gpu_cells(figures)["gpu_throttle_reasons"] == "sw_power_cap"
    assert gpu_cells([GpuFigures(throttle_reasons="")])["gpu_throttle_reasons"] == "none"
    assert gpu_cells([GpuFigures()])["gpu_throttle_reasons"] is None


def test_a_warning_is_reported_once() -> None:
    figures = [GpuFigures(warnings=("Bound by enqueueing.",)), GpuFigures(warnings=("Bound by enqueueing.", "Hot."))]
    assert gpu_cells(figures)["warnings"] == "Bound by enqueueing. Hot."


def test_the_most_foreign_processes_count() -> None:
    figures = [GpuFigures(foreign_processes_count=0), GpuFigures(foreign_processes_count=2), GpuFigures()]
    assert gpu_cells(figures)["gpu_foreign_processes_count"] == 2


@pytest.mark.parametrize(
    ("capabilities", "portable"), [("9.0", "no"), ("sm86", "no"), ("sm86+sm89", "yes"), ("8.0 and later", "yes")]
)
def test_an_engine_for_several_capabilities_is_portable(capabilities: str, portable: str) -> None:
    cells = gpu_cells([GpuFigures(engine_capabilities=capabilities)])
    assert (cells["engine_capabilities"], cells["engine_portable"]) == (capabilities, portable)
    assert gpu_cells([GpuFigures()])["engine_portable"] is None


def test_the_longest_compilation_is_reported_with_its_use_of_the_cache() -> None:
    figures = [GpuFigures(jit_s=6.0, jit_cache="miss"), GpuFigures(jit_s=0.2, jit_cache="hit"), GpuFigures()]
    cells = gpu_cells(figures)
    assert (cells["jit_s"], cells["jit_cache"]) == (6.0, "miss")
    assert "jit_s" not in gpu_cells([GpuFigures()])


def test_figures_survive_json() -> None:
    figures = GpuFigures(cuda_graph=True, warnings=("Hot.",), power_w=1.5)
    assert GpuFigures.from_json(figures.to_json()) == figures
