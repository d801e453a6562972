"""The energy meters of this machine, and why one is absent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from harness.errors import EnergyUnavailableError
from harness.machine.energy.ina3221 import ModuleMeter
from harness.machine.energy.meter import EnergyMeter
from harness.machine.energy.rapl import PackageMeter

_PARTS: dict[str, Callable[[Path], EnergyMeter]] = {
    "processor packages": PackageMeter,
    "Jetson module": ModuleMeter,
}


@dataclasses.dataclass(frozen=True)
class EnergySource:
    """Whether the energy of a part of the machine can be measured."""

    part: str
    """As in `processor packages`."""
    source: str | None
    """The counter or sensor in words; None if there is none that can be read."""
    what_to_do: str
    """Why there is none, and what to do; empty if there is one."""


def energy_sources(root: Path = Path("/")) -> list[EnergySource]:
    """Every part of a machine whose energy could be measured, with its source below `root` or the reason for none."""
    return [_source(part, open_meter, root) for part, open_meter in _PARTS.items()]


def open_meters(*, on_gpu: bool, root: Path = Path("/")) -> list[EnergyMeter]:
    """Opens the meters that measure what inferences run on.

    Args:
        on_gpu: whether they run on a GPU, which is part of a Jetson's module but not of a processor's package.
        root: `/` except in tests.
    """
    meters: list[EnergyMeter] = []
    kinds: tuple[Callable[[Path], EnergyMeter], ...] = (ModuleMeter,) if on_gpu else (PackageMeter, ModuleMeter)
    for open_meter in kinds:
        try:
            meters.append(open_meter(root))
        except EnergyUnavailableError:
            continue
    return meters


def _source(part: str, open_meter: Callable[[Path], EnergyMeter], root: Path) -> EnergySource:
    try:
        return EnergySource(part, open_meter(root).source, "")
    except EnergyUnavailableError as error:
        return EnergySource(part, None, str(error))
