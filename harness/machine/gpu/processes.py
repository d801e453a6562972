"""Distinguishes this process from the others on a GPU.

A driver reports process IDs of the host (most drivers) or of the calling container (recent open kernel modules),
and a container cannot query its own IDs on the host. So this process is recognised by any of its IDs, those of inner
namespaces included; if none of the listed IDs is its own although it holds a context, one of the listed processes
must be this one, and only their number counts.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path


def own_pids(status: Path = Path("/proc/self/status")) -> frozenset[int]:
    """The IDs of this process in every namespace from that of `/proc` inwards (`NSpid`, proc_pid_status(5))."""
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
    """Number of listed processes other than this one.

    Args:
        pids: processes with a compute context on the device, as the driver lists them.
        own: the IDs of this process.
        holds_context: whether this process has a context on the device and so must be among those listed,
            unless the driver lists none at all.
    """
    listed = set(pids)
    others = listed.difference(own)
    if holds_context and others == listed and listed:
        return len(listed) - 1
    return len(others)
