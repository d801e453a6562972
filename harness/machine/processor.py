"""The machine's processors: how many there are, which of them this process may use, and how busy they were.

Linux reports all of this in files, so that measuring there needs no package. On other systems psutil is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.units import BYTES_PER_MIB

if TYPE_CHECKING:
    from harness.machine.linux_facts import LinuxFacts

# The fields of time spent working, as psutil names them. `guest` is already part of `user`; `steal` is time that the
# hypervisor gave to other machines. Not every system has every field.
_BUSY_FIELDS = ("user", "nice", "system", "irq", "softirq", "steal")

# The same fields in a line of /proc/stat (proc_stat(5)): after the name come user, nice, system, idle, iowait,
# irq, softirq, steal, guest and guest_nice.
_BUSY_POSITIONS = (1, 2, 3, 6, 7, 8)


def allowed_cpus() -> frozenset[int] | None:
    """Indices of the logical processors on which this process may run; None if the system does not report them."""
    if sys.platform == "linux":
        return frozenset(os.sched_getaffinity(0))
    import psutil

    try:
        return frozenset(psutil.Process().cpu_affinity())
    except AttributeError:  # macOS has no affinity.
        return None


def logical_cores() -> int:
    """Number of logical processors on which this process may run."""
    allowed = allowed_cpus()
    return len(allowed) if allowed else os.cpu_count() or 1


def physical_cores() -> int | None:
    """Cores of the machine, whether or not this process may use them; None if the system does not report them."""
    if sys.platform == "linux":
        return _linux().physical_cores()
    import psutil

    cores: int | None = psutil.cpu_count(logical=False)
    return cores


def allowed_physical_cores() -> int | None:
    """Cores with a logical processor that this process may use, or all cores if it is unknown which those are."""
    if sys.platform == "linux":
        return _linux().physical_cores(allowed_cpus())
    return physical_cores()


def memory_mib() -> int:
    """Memory of the machine."""
    if sys.platform == "linux":
        return _linux().memory_mib()
    import psutil

    return int(psutil.virtual_memory().total) // BYTES_PER_MIB


def busy_s(allowed: Collection[int] | None) -> float:
    """Seconds that the allowed processors spent working since the machine started, stolen time included.

    Args:
        allowed: indices of the processors to count; None counts all.
    """
    if sys.platform == "linux":
        return linux_busy_s(Path("/proc/stat").read_text(), allowed, os.sysconf("SC_CLK_TCK"))
    import psutil

    return sum(
        getattr(times, field, 0.0)
        for index, times in enumerate(psutil.cpu_times(percpu=True))
        if allowed is None or index in allowed
        for field in _BUSY_FIELDS
    )


def _linux() -> LinuxFacts:
    """The facts of this machine; a measuring process, which only reads processor times, does not load this module."""
    from harness.machine.linux_facts import LinuxFacts

    return LinuxFacts(Path("/"))


def linux_busy_s(stat: str, allowed: Collection[int] | None, ticks_per_s: int) -> float:
    """`busy_s` computed from the text of /proc/stat, which counts in ticks."""
    ticks = 0
    for line in stat.splitlines():
        name, _, _ = line.partition(" ")
        # The line `cpu`, without a number, is the sum of the others.
        if not (name.startswith("cpu") and name[3:].isdigit()):
            continue
        if allowed is None or int(name[3:]) in allowed:
            fields = line.split()
            ticks += sum(int(fields[position]) for position in _BUSY_POSITIONS if position < len(fields))
    return ticks / ticks_per_s
