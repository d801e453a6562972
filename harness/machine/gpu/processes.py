"""Which of the processes on a GPU are this one.

A driver reports process ids of the host (most drivers) or of the asking container (recent open kernel modules),
and a container cannot ask for its own ids on the host. So a process is known as this one by any of its ids, those
of inner namespaces included; and where none of the listed ids is known although this process holds a context,
one of them must be it, and just their number counts.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path


def own_pids(status: Path = Path("/proc/self/status")) -> frozenset[int]:
    """The ids of this process, in every namespace from that of `/proc` inwards (`NSpid`, proc_pid_status(5))."""
    pids = {os.getpid()}
    try:
        lines = status.read_text().splitlines()
    except OSError:  # Only Linux has namespaces.
        return frozenset(pids)
    for line in lines:
        if line.startswith("NSpid:"):
            pids.update(int(pid) for pid in line.split()[1:])
    return frozenset(pids)


def foreign_count(pids: Iterable[int], own: Collection[int], *, holds_context: bool) -> int:
    """How many of the listed processes are others.

    Args:
        pids: processes with a compute context on the device, as the driver lists them.
        own: the ids of this process.
        holds_context: whether this process has a context on the device, so that it must be among the listed,
            unless the driver lists none at all.
    """
    listed = set(pids)
    others = listed.difference(own)
    if holds_context and others == listed and listed:
        return len(listed) - 1
    return len(others)
