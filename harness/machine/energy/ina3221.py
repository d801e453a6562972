"""The power sensor of a Jetson's module, an INA3221, which reports in files below /sys/bus/i2c.

JetPack 5 and later name a channel in `hwmon/hwmon*/in1_label` and report its voltage and current, older ones in
`iio:device*/rail_name_0` and report its power. Only the rail that supplies the whole module is read. Channels:
https://docs.kernel.org/hwmon/ina3221.html, and the Jetson Linux developer guide, "Platform Power and Performance".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import EnergyUnavailableError
from harness.machine.energy.sampling import Sampling
from harness.machine.linux_facts import read_stripped

# The supply of the whole module: of Orin NX, Orin Nano, Xavier NX and TX2; of the first Nano.
_MODULE_RAILS = ("VDD_IN", "POM_5V_IN")
_DRIVERS = "sys/bus/i2c/drivers"
_MICROWATTS_PER_MILLIWATT = 1000.0

# Interval between two readings, each of which takes the sensor's bus about a millisecond.
_INTERVAL_S = 0.01

_NO_SENSOR = "There is no power sensor INA3221 in /sys/bus/i2c/drivers, as a Jetson has; in a container, mount /sys."


@dataclasses.dataclass(frozen=True)
class Rail:
    """One channel of a sensor."""

    name: str
    files: tuple[Path, ...]
    """Voltage in mV and current in mA, or the power in mW alone."""

    def power_mw(self) -> float:
        """Reads the power.

        Raises:
            OSError: a file cannot be read.
            ValueError: a file does not contain a number.
        """
        values = [int(file.read_text().partition(" ")[0]) for file in self.files]
        return float(values[0]) if len(values) == 1 else math.prod(values) / _MICROWATTS_PER_MILLIWATT


class ModuleMeter:
    """Measures the energy of the whole module by its power, which is sampled while inferences run."""

    figure = "module_energy_mj"
    lead_s = 0.05
    """A reading is an average over the sensor's last conversions, some milliseconds each."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Finds the sensor below `root`, which is `/` except in tests.

        Raises:
            EnergyUnavailableError: there is no sensor of the whole module, or it cannot be read; the message says what
                to do.
        """
        self._rail = _module_rail(root / _DRIVERS)
        _check_readable(self._rail)

    @property
    def source(self) -> str:
        """The sensor and its rail, as in `INA3221 VDD_IN`."""
        return f"INA3221 {self._rail.name}"

    def energy_mj(self, run: Callable[[], float]) -> float | None:
        """See `harness.machine.energy.meter.EnergyMeter`: the mean power times the duration."""
        with Sampling(self._rail.power_mw, _INTERVAL_S) as sampling:
            duration_s = run()
        return sum(sampling.values) / len(sampling.values) * duration_s if sampling.complete else None


def _module_rail(drivers: Path) -> Rail:
    """The rail that supplies the whole module.

    Raises:
        EnergyUnavailableError: there is none.
    """
    rails = {rail.name: rail for rail in (*_hwmon_rails(drivers), *_iio_rails(drivers))}
    found = next((rails[name] for name in _MODULE_RAILS if name in rails), None)
    if found is not None:
        return found
    if not rails:
        raise EnergyUnavailableError(_NO_SENSOR)
    raise EnergyUnavailableError(
        f"The sensors of this Jetson measure {', '.join(sorted(rails))}, none of which supplies the whole module "
        f"({' or '.join(_MODULE_RAILS)}): measure at its plug."
    )


def _hwmon_rails(drivers: Path) -> Iterator[Rail]:
    for label in sorted(drivers.glob("ina3221*/*/hwmon/hwmon*/in[1-3]_label")):
        channel = label.name[2]
        if name := read_stripped(label):
            yield Rail(name, (label.with_name(f"in{channel}_input"), label.with_name(f"curr{channel}_input")))


def _iio_rails(drivers: Path) -> Iterator[Rail]:
    for label in sorted(drivers.glob("ina3221*/*/iio*device*/rail_name_[0-2]")):
        if name := read_stripped(label):
            yield Rail(name, (label.with_name(f"in_power{label.name[-1]}_input"),))


def _check_readable(rail: Rail) -> None:
    """Reads the power once.

    Raises:
        EnergyUnavailableError: it cannot be read.
    """
    try:
        rail.power_mw()
    except PermissionError as error:
        files = " ".join(map(str, rail.files))
        raise EnergyUnavailableError(
            f"This user may not read the power of {rail.name}. Until the next boot: sudo chmod a+r {files}"
        ) from error
    except (OSError, ValueError) as error:
        raise EnergyUnavailableError(
            f"The power of {rail.name} cannot be read ({error}). Check that `cat` prints a number."
        ) from error
