from __future__ import annotations

from pathlib import Path

import pytest

from harness.machine.energy.sources import energy_sources, open_meters
from tests.fakes.energy_files import jetson, processor

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="a colon in a file's name")


def figures(root: Path, on_gpu: bool) -> list[str]:
    return [meter.figure for meter in open_meters(on_gpu=on_gpu, root=root)]


def test_a_machine_without_files_has_no_meter_and_two_reasons(tmp_path: Path) -> None:
    assert figures(tmp_path, False) == []
    assert figures(tmp_path, True) == []
    assert [(one.part, one.source) for one in energy_sources(tmp_path)] == [
        ("processor packages", None),
        ("Jetson module", None),
    ]
    assert all(one.what_to_do for one in energy_sources(tmp_path))


def test_the_packages_are_those_of_inferences_on_the_processor(tmp_path: Path) -> None:
    processor(tmp_path)
    assert figures(tmp_path, False) == ["cpu_energy_mj"]
    assert figures(tmp_path, True) == []
    packages = energy_sources(tmp_path)[0]
    assert (packages.source, packages.what_to_do) == ("RAPL package-0", "")


def test_a_module_has_processor_and_gpu(tmp_path: Path) -> None:
    jetson(tmp_path, "VDD_IN")
    assert figures(tmp_path, False) == figures(tmp_path, True) == ["module_energy_mj"]
    assert energy_sources(tmp_path)[1].source == "INA3221 VDD_IN"
