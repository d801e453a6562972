"""Facts of the machine that Linux reports in files."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

# Instruction sets that decide which kernels a runtime chooses: x86, then Arm.
_FEATURES = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"),
    *("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)

_KIB_PER_MIB = 1024

_MICROSECONDS_UNLIMITED = "max"


@dataclasses.dataclass(frozen=True)
class Throttling:
    """Periods of a processor's quota."""

    periods: int
    throttled: int
    """Those in which it was spent, so that the kernel paused the processes of the control group."""


class LinuxFacts:
    """Reads files below `root`, which is `/` except in tests; a fact that no file states is None."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._cpuinfo = self._processors()[0]

    def cpu_model(self) -> str | None:
        """The processor's name, or the board's on Arm if the kernel does not name the processor."""
        board = self._read("proc/device-tree/model")
        return self._cpuinfo.get("model name") or (board.strip("\0") if board else None)

    def cpu_revision(self) -> str | None:
        """Fields that distinguish processors with the same name."""
        names = ("cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU revision")
        found = [f"{name} {self._cpuinfo[name]}" for name in names if name in self._cpuinfo]
        return ", ".join(found) or None

    def cpu_features(self) -> str | None:
        """The instruction sets that matter to kernels, separated by spaces."""
        flags = set(self._cpuinfo.get("flags", self._cpuinfo.get("Features", "")).split())
        return " ".join(name for name in _FEATURES if name in flags) or None

    def physical_cores(self, among: Collection[int] | None = None) -> int | None:
        """Number of cores of the machine; logical processors that share a core count once.

        With `among`, only cores that have one of these processors count, or all if the kernel hides which share a core.
        """
        folders = [
            folder
            for folder in (self._root / "sys/devices/system/cpu").glob("cpu[0-9]*")
            if among is None or int(folder.name[3:]) in among
        ]
        # The second is the older name of the first.
        for name in ("core_cpus_list", "thread_siblings_list"):
            shared = {self._read(str(folder / "topology" / name)) for folder in folders} - {None}
            if shared:
                return len(shared)
        sockets = {facts.get("physical id"): facts.get("cpu cores", "0") for facts in self._processors()}
        return sum(int(cores) for cores in sockets.values()) or None

    def memory_mib(self) -> int:
        """Memory of the machine; 0 if the kernel does not report it."""
        for line in (self._read("proc/meminfo") or "").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) // _KIB_PER_MIB
        return 0

    def governor(self) -> str | None:
        """Clock policy of the first processor."""
        return self._read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")

    def frequency_mhz(self, name: str) -> int | None:
        """Value of a file in the first processor's cpufreq folder, which contains kHz."""
        text = self._read(f"sys/devices/system/cpu/cpu0/cpufreq/{name}")
        return int(text) // 1000 if text and text.isdigit() else None

    def boost(self) -> bool | None:
        """Whether the clock may exceed its nominal rate, as either of the two drivers reports it."""
        no_turbo = self._read("sys/devices/system/cpu/intel_pstate/no_turbo")
        if no_turbo is not None:
            return no_turbo == "0"
        boost = self._read("sys/devices/system/cpu/cpufreq/boost")
        return None if boost is None else boost == "1"

    def virtualisation(self) -> str | None:
        """Vendor and product of the virtual machine, or just the fact that there is a hypervisor."""
        flags = self._cpuinfo.get("flags", "").split()
        hypervisor = self._read("sys/hypervisor/type")
        if "hypervisor" not in flags and not hypervisor:
            return None
        names = [self._read(f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")]
        return " ".join(name for name in names if name) or hypervisor or "hypervisor"

    def container(self) -> str | None:
        """Kind of container in which this process runs."""
        for path, kind in ((".dockerenv", "docker"), ("run/.containerenv", "podman")):
            if (self._root / path).exists():
                return kind
        return self._read("run/systemd/container")

    def cpu_limit_cores(self) -> float | None:
        """The lowest quota of the control groups that contain this process (version 2, else version 1)."""
        limits = [
            limit
            for folder in self._control_groups()
            if (limit := parse_cpu_max(self._read(f"{folder}/cpu.max"))) is not None
        ]
        if limits:
            return min(limits)
        limits = [
            limit
            for folder in self._control_groups_of_version_1()
            if (quota := self._read(f"{folder}/cpu.cfs_quota_us"))
            and (period := self._read(f"{folder}/cpu.cfs_period_us"))
            and (limit := parse_cpu_max(f"{quota} {period}")) is not None
        ]
        return min(limits, default=None)

    def throttling(self) -> dict[str, Throttling]:
        """Periods of the quota of each control group that contains this process and has one, by folder."""
        counts = {
            folder: parse_cpu_stat(self._read(f"{folder}/cpu.stat"))
            for folder in (*self._control_groups(), *self._control_groups_of_version_1())
        }
        return {folder: count for folder, count in counts.items() if count.periods}

    def _control_groups(self) -> list[str]:
        """Folders of this process's control group and of all its parents, relative to the root."""
        for line in (self._read("proc/self/cgroup") or "").splitlines():
            if line.startswith("0::"):
                return _upwards(Path("sys/fs/cgroup"), line[3:])
        return ["sys/fs/cgroup"]

    def _control_groups_of_version_1(self) -> list[str]:
        """The same for the controller `cpu`; in a container its own group may be mounted in place of the root."""
        for line in (self._read("proc/self/cgroup") or "").splitlines():
            _, controllers, group = line.split(":", 2)
            if "cpu" in controllers.split(","):
                return _upwards(Path("sys/fs/cgroup/cpu"), group)
        return ["sys/fs/cgroup/cpu"]

    def _processors(self) -> list[dict[str, str]]:
        """The paragraphs of /proc/cpuinfo."""
        paragraphs: list[dict[str, str]] = [{}]
        for line in (self._read("proc/cpuinfo") or "").splitlines():
            if not line.strip():
                paragraphs.append({})
                continue
            name, _, value = line.partition(":")
            paragraphs[-1][name.strip()] = value.strip()
        return paragraphs

    def _read(self, path: str) -> str | None:
        return read_stripped(self._root / path)


def _upwards(mount: Path, group: str) -> list[str]:
    """The group's folder below the mount and all its parents up to and including the mount."""
    folder = mount / group.lstrip("/")
    return [str(one) for one in (folder, *folder.parents) if one.is_relative_to(mount)]


def read_stripped(path: Path) -> str | None:
    """The stripped text of a file, or None if it cannot be read or is empty."""
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def parse_cpu_stat(text: str | None) -> Throttling:
    """The periods that a control group's `cpu.stat` counts since the group was made; 0 of a group without a quota."""
    lines = dict(line.split(maxsplit=1) for line in (text or "").splitlines() if " " in line)
    return Throttling(int(lines.get("nr_periods", 0)), int(lines.get("nr_throttled", 0)))


def parse_cpu_max(text: str | None) -> float | None:
    """Cores in a control group's `quota period`; None if there is no limit.

    No limit is written as `max` in version 2 and as -1 in version 1.
    """
    if not text:
        return None
    quota, _, period = text.partition(" ")
    if quota == _MICROSECONDS_UNLIMITED or int(quota) <= 0:
        return None
    return int(quota) / int(period)
