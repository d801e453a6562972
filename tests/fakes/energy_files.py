"""Trees of the files in which Linux reports energy and power."""

from __future__ import annotations

from pathlib import Path

RANGE_UJ = 262_143_328_850
"""As the kernel reports it for many processors."""


def replace_file(path: Path, text: str) -> None:
    """Writes the file so that a reader sees the whole old or the whole new text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)


def domain(root: Path, name: str, zone: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    """Adds a domain of RAPL, as in `package-0` as zone `intel-rapl:0`; returns the file of its counter."""
    folder = root / "sys/class/powercap" / zone
    replace_file(folder / "name", f"{name}\n")
    replace_file(folder / "max_energy_range_uj", f"{range_uj}\n")
    replace_file(folder / "energy_uj", f"{energy_uj}\n")
    return folder / "energy_uj"


def processor(root: Path, energy_uj: int = 1_000_000) -> Path:
    """Adds all domains of a desktop processor; returns the file of its package's counter."""
    (root / "sys/class/powercap/intel-rapl").mkdir(parents=True)
    domain(root, "core", "intel-rapl:0:0", 400_000)
    domain(root, "uncore", "intel-rapl:0:1", 100_000)
    domain(root, "dram", "intel-rapl:0:2", 300_000)
    domain(root, "psys", "intel-rapl:1", 9_000_000)
    domain(root, "package-0", "intel-rapl-mmio:0", energy_uj)
    return domain(root, "package-0", "intel-rapl:0", energy_uj)


def advance(counter: Path, energy_uj: int) -> None:
    """Advances a counter as the kernel does, which begins at 0 after the largest value."""
    range_uj = int((counter.parent / "max_energy_range_uj").read_text())
    replace_file(counter, f"{(int(counter.read_text()) + energy_uj) % range_uj}\n")


def jetson(root: Path, *rails: str, voltage_mv: int = 5000, current_ma: int = 2000) -> Path:
    """Adds the sensor of a module with JetPack 5 or later; returns its folder. The last label is no rail."""
    folder = root / "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
    for channel, rail in enumerate(rails, 1):
        replace_file(folder / f"in{channel}_label", f"{rail}\n")
        replace_file(folder / f"in{channel}_input", f"{voltage_mv}\n")
        replace_file(folder / f"curr{channel}_input", f"{current_ma // channel}\n")
    replace_file(folder / "in7_label", "sum of shunt voltages\n")
    return folder


def old_jetson(root: Path, *rails: str, power_mw: int = 4000) -> Path:
    """Adds the sensor of a module before JetPack 5; returns its folder."""
    folder = root / "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
    for channel, rail in enumerate(rails):
        replace_file(folder / f"rail_name_{channel}", f"{rail}\n")
        replace_file(folder / f"in_power{channel}_input", f"{power_mw // (channel + 1)}\n")
    return folder
