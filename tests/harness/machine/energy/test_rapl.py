from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.errors import EnergyUnavailableError
from harness.machine.energy.rapl import PackageMeter
from tests.fakes.energy_files import RANGE_UJ, advance, domain, processor

pytestmark = pytest.mark.skipif("sys.platform == 'win32'", reason="a colon in a file's name")

AsNobody = Callable[[], AbstractContextManager[None]]


def used_mj(root: Path, *advances: tuple[Path, int]) -> float | None:
    """What a meter finds while counters advance by these microjoules."""

    def run() -> float:
        for counter, energy_uj in advances:
            advance(counter, energy_uj)
        return 0.2

    return PackageMeter(root).energy_mj(run)


def test_a_package_is_counted_once_and_without_its_parts(tmp_path: Path) -> None:
    counter = processor(tmp_path)
    core, other_way = (counter.parent.with_name(zone) / "energy_uj" for zone in ("intel-rapl:0:0", "intel-rapl-mmio:0"))
    assert used_mj(tmp_path, (counter, 5_000_000), (core, 3_000_000), (other_way, 5_000_000)) == 5000.0
    assert PackageMeter(tmp_path).source == "RAPL package-0"


def test_packages_are_added(tmp_path: Path) -> None:
    first = domain(tmp_path, "package-0", "intel-rapl:0", 10)
    second = domain(tmp_path, "package-1", "intel-rapl:1", RANGE_UJ - 500)
    assert used_mj(tmp_path, (first, 2000), (second, 1000)) == 3.0
    assert PackageMeter(tmp_path).source == "RAPL package-0+package-1"


def test_dies_are_packages(tmp_path: Path) -> None:
    counters = [domain(tmp_path, f"package-0-die-{die}", f"intel-rapl:{die}", 7) for die in range(2)]
    assert used_mj(tmp_path, *((counter, 1000) for counter in counters)) == 2.0


def test_a_counter_that_begins_again_is_continued(tmp_path: Path) -> None:
    assert used_mj(tmp_path, (processor(tmp_path, RANGE_UJ - 1000), 3000)) == 3.0


def test_no_figure_if_a_counter_begins_again_at_an_unknown_value(tmp_path: Path) -> None:
    counter = processor(tmp_path, RANGE_UJ - 1000)
    (counter.parent / "max_energy_range_uj").unlink()
    meter = PackageMeter(tmp_path)

    def run() -> float:
        counter.write_text("2000\n")
        return 0.2

    assert meter.energy_mj(run) is None
    assert meter.energy_mj(lambda: float(counter.write_text("5000\n"))) == 3.0


def test_no_figure_if_a_counter_stands_still(tmp_path: Path) -> None:
    first = processor(tmp_path)
    domain(tmp_path, "package-1", "intel-rapl:2", 0)
    assert used_mj(tmp_path) is None
    assert used_mj(tmp_path, (first, 1000)) is None


def test_no_figure_if_the_counter_vanishes_meanwhile(tmp_path: Path) -> None:
    counter = processor(tmp_path)
    meter = PackageMeter(tmp_path)

    def run() -> float:
        counter.unlink()
        return 0.2

    assert meter.energy_mj(run) is None


def test_nothing_runs_if_the_counter_has_vanished(tmp_path: Path) -> None:
    counter = processor(tmp_path)
    meter = PackageMeter(tmp_path)
    counter.unlink()
    assert meter.energy_mj(lambda: pytest.fail("inferences that nobody counts")) is None


def test_without_powercap_the_reason_names_the_driver(tmp_path: Path) -> None:
    with pytest.raises(EnergyUnavailableError, match=r"no RAPL package .* sudo modprobe intel_rapl_msr"):
        PackageMeter(tmp_path)


def test_other_domains_are_not_packages(tmp_path: Path) -> None:
    domain(tmp_path, "psys", "intel-rapl:0", 1)
    domain(tmp_path, "package-0", "intel-rapl-mmio:0", 1)
    with pytest.raises(EnergyUnavailableError, match="no RAPL package"):
        PackageMeter(tmp_path)


def test_links_to_hidden_files_are_those_of_a_container(tmp_path: Path) -> None:
    folder = tmp_path / "sys/class/powercap"
    folder.mkdir(parents=True)
    for zone in ("intel-rapl", "intel-rapl:0"):
        (folder / zone).symlink_to(f"../../devices/virtual/powercap/{zone}")
    with pytest.raises(EnergyUnavailableError, match="docker run --security-opt systempaths=unconfined"):
        PackageMeter(tmp_path)


def test_a_file_for_root_alone_is_explained(open_folder: Path, as_nobody: AsNobody) -> None:
    counter = processor(open_folder)
    counter.chmod(0o000)
    with as_nobody(), pytest.raises(EnergyUnavailableError) as caught:
        PackageMeter(open_folder)
    assert str(caught.value).startswith(f"Only root may read {counter}, ")
    assert "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in str(caught.value)
    assert "docs/energy.md" in str(caught.value)


def test_a_file_for_all_is_read_by_any_user(open_folder: Path, as_nobody: AsNobody) -> None:
    processor(open_folder).chmod(0o444)
    with as_nobody():
        assert PackageMeter(open_folder).source == "RAPL package-0"


@pytest.mark.parametrize("content", ["", "unknown\n", None])
def test_a_counter_without_a_number_is_named(tmp_path: Path, content: str | None) -> None:
    counter = processor(tmp_path)
    if content is None:
        counter.unlink()
    else:
        counter.write_text(content)
    with pytest.raises(EnergyUnavailableError, match=r"energy_uj cannot be read \(.*\). Check"):
        PackageMeter(tmp_path)


def test_the_interval_is_that_of_the_run(tmp_path: Path) -> None:
    counter = processor(tmp_path)
    meter = PackageMeter(tmp_path)
    advance(counter, 70_000)
    assert meter.energy_mj(lambda: advance(counter, 4000) or 0.2) == 4.0
    advance(counter, 70_000)
    assert meter.energy_mj(lambda: advance(counter, 6000) or 0.2) == 6.0
