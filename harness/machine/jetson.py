"""A Jetson's GPU clocks and power mode, read from system files because NVML reports little or nothing there.

Files: the Jetson Linux developer guide, "Platform Power and Performance": `nvpmodel` keeps the active mode in
/var/lib/nvpmodel/status (`pmode:0002`) and the modes in /etc/nvpmodel.conf (`< POWER_MODEL ID=2 NAME=MAXN_SUPER >`);
`jetson_clocks` sets the GPU's lowest frequency to its highest.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from harness.machine.linux_facts import read_stripped

_HERTZ_PER_MHZ = 1_000_000

# The GPU's folder in /sys/class/devfreq is named after its address and name: 17000000.gpu or .ga10b on Orin,
# 17000000.gv11b on Xavier, 17000000.gp10b on TX2, 57000000.gpu on Nano, gpu-gpc-0 on Thor.
_GPU_FOLDERS = ("*.gpu", "*.ga10b", "*.gv11b", "*.gp10b", "gpu-gpc-0")


@dataclasses.dataclass(frozen=True)
class JetsonFacts:
    """Facts that decide the speed of a Jetson's GPU; an unavailable fact is None."""

    l4t_release: str
    """Version of Jetson Linux, as in `36.4.7`; the GPU's driver is part of it."""
    power_mode: str | None
    """Name of the nvpmodel mode, as in `MAXN`, or its number."""
    gpu_clock_min_mhz: int | None
    gpu_clock_max_mhz: int | None
    """Bounds of the GPU's clock; equal if jetson_clocks fixed it."""


def jetson_facts(root: Path = Path("/")) -> JetsonFacts | None:
    """The facts of this machine; None if it is not a Jetson."""
    release = l4t_release(read_stripped(root / "etc/nv_tegra_release"))
    if release is None:
        return None
    folder = next((found for name in _GPU_FOLDERS for found in sorted((root / "sys/class/devfreq").glob(name))), None)
    return JetsonFacts(
        l4t_release=release,
        power_mode=power_mode(
            read_stripped(root / "var/lib/nvpmodel/status"), read_stripped(root / "etc/nvpmodel.conf")
        ),
        gpu_clock_min_mhz=_frequency_mhz(folder, "min_freq"),
        gpu_clock_max_mhz=_frequency_mhz(folder, "max_freq"),
    )


def l4t_release(text: str | None) -> str | None:
    """The release, as in `36.4.7`, from a first line like `# R36 (release), REVISION: 4.7, GCID: ...`."""
    found = re.match(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)", text or "")
    return f"{found[1]}.{found[2]}" if found else None


def power_mode(status: str | None, modes: str | None) -> str | None:
    """Name of the active mode, or its number if the list of modes does not contain it."""
    active = re.search(r"pmode:0*(\d+)", status or "")
    if not active:
        return None
    # A commented line does not begin with the bracket.
    named = re.search(rf"^<\s*POWER_MODEL\s+ID={active[1]}\s+NAME=(\S+)\s*>", modes or "", re.MULTILINE)
    return named[1] if named else f"mode {active[1]}"


def _frequency_mhz(folder: Path | None, name: str) -> int | None:
    text = read_stripped(folder / name) if folder else None
    return int(text) // _HERTZ_PER_MHZ if text and text.isdigit() else None
