"""The energy counter of a processor's packages, RAPL, which Linux reports in /sys/class/powercap.

Intel's processors have it since 2011, AMD's since Zen in the same files. A domain `package-0` is everything in a
socket; `core`, `uncore` and `dram` are other counters below it, `psys` is the whole platform, and `intel-rapl-mmio:0`
is a second way to the same package: only the first is read.

Files: https://docs.kernel.org/power/powercap/powercap.html.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from harness.errors import EnergyUnavailableError
from harness.machine.linux_facts import read_stripped

_FOLDER = "sys/class/powercap"
_PACKAGE = "package-"
_MICROJOULES_PER_MILLIJOULE = 1000.0

_NO_DOMAIN = (
    "The kernel reports no RAPL package in /sys/class/powercap. Virtual machines and Arm processors have none; "
    "otherwise load its driver: sudo modprobe intel_rapl_msr, for AMD too."
)
_HIDDEN = (
    "The files of RAPL are hidden from this process, as containers do: docker run --security-opt "
    "systempaths=unconfined shows them."
)


@dataclasses.dataclass(frozen=True)
class Package:
    """The counter of one socket, or of one die of it."""

    name: str
    """As in `package-0`."""
    folder: Path
    range_uj: int | None
    """Largest value of the counter, after which it begins at 0 again; None if the kernel does not report it."""

    def counter_uj(self) -> int:
        """Reads the counter.

        Raises:
            OSError: the file cannot be read.
            ValueError: it does not contain a number.
        """
        return int((self.folder / "energy_uj").read_text())

    def advance_uj(self, before_uj: int, after_uj: int) -> int | None:
        """Microjoules between two readings; None if the counter began again at an unknown value."""
        if after_uj >= before_uj:
            return after_uj - before_uj
        return None if self.range_uj is None else after_uj + self.range_uj - before_uj


class PackageMeter:
    """Measures the energy of all packages together."""

    figure = "cpu_energy_mj"
    lead_s = 0.0
    """The counter advances about every millisecond."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Finds the packages below `root`, which is `/` except in tests.

        Raises:
            EnergyUnavailableError: there is no counter, or it cannot be read; the message says what to do.
        """
        self._packages = _packages(root / _FOLDER)
        for package in self._packages:
            _check_readable(package)

    @property
    def source(self) -> str:
        """The counters' names, as in `RAPL package-0+package-1`."""
        return f"RAPL {'+'.join(package.name for package in self._packages)}"

    def energy_mj(self, run: Callable[[], float]) -> float | None:
        """See `harness.machine.energy.meter.EnergyMeter`."""
        before_uj = self._counters_uj()
        if before_uj is None:
            return None
        run()
        after_uj = self._counters_uj()
        if after_uj is None:
            return None
        advances_uj = [
            package.advance_uj(before, after)
            for package, before, after in zip(self._packages, before_uj, after_uj, strict=True)
        ]
        known_uj = [advance for advance in advances_uj if advance is not None]
        # The counter of some virtual machines stands still.
        if len(known_uj) < len(advances_uj) or not all(known_uj):
            return None
        return sum(known_uj) / _MICROJOULES_PER_MILLIJOULE

    def _counters_uj(self) -> list[int] | None:
        try:
            return [package.counter_uj() for package in self._packages]
        except (OSError, ValueError):
            return None


def _packages(folder: Path) -> list[Package]:
    """The packages in the folder.

    Raises:
        EnergyUnavailableError: there are none.
    """
    # The colon excludes `intel-rapl-mmio:0`.
    names = {domain: read_stripped(domain / "name") for domain in sorted(folder.glob("intel-rapl:*"))}
    if not any(names.values()):
        raise EnergyUnavailableError(_HIDDEN if names else _NO_DOMAIN)
    found = [
        Package(name, domain, _range_uj(domain)) for domain, name in names.items() if name and name.startswith(_PACKAGE)
    ]
    if not found:
        raise EnergyUnavailableError(_NO_DOMAIN)
    return found


def _range_uj(domain: Path) -> int | None:
    text = read_stripped(domain / "max_energy_range_uj")
    return int(text) if text and text.isdigit() else None


def _check_readable(package: Package) -> None:
    """Reads the counter once.

    Raises:
        EnergyUnavailableError: it cannot be read.
    """
    try:
        package.counter_uj()
    except PermissionError as error:
        raise EnergyUnavailableError(
            f"Only root may read {package.folder / 'energy_uj'}, as Linux sets it since 5.10. Until the next boot: "
            "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj; permanently: the udev rule in docs/energy.md."
        ) from error
    except (OSError, ValueError) as error:
        raise EnergyUnavailableError(
            f"{package.folder / 'energy_uj'} cannot be read ({error}). Check that `cat` prints a number."
        ) from error
