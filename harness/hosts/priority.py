"""The priority of what a courier starts, as that of a shell on the host: Ray's workers have a lower one.

Ray starts its workers with niceness 15 (`RAY_worker_niceness`) and lets the kernel end them first when memory runs out
(oom_score_adj 1000), and the commands that they start inherit both.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from harness.hosts.environment import NUMBER_OF_RAYLET

_OOM = "oom_score_adj"


def restore() -> int:
    """Gives this process the priorities of the one that starts Ray's workers; returns how much nicer it stays.

    More than 0 means that this user may not raise a priority, as usual without root, and that whatever else runs on the
    host comes first.
    """
    raylet = os.environ.get(NUMBER_OF_RAYLET, "")
    if sys.platform == "win32" or not raylet.isdecimal():
        return 0
    with contextlib.suppress(OSError):
        Path("/proc/self", _OOM).write_text(Path("/proc", raylet, _OOM).read_text())
    try:
        wanted = os.getpriority(os.PRIO_PROCESS, int(raylet))
    except ProcessLookupError:
        return 0
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, wanted)
    return max(0, os.getpriority(os.PRIO_PROCESS, 0) - wanted)


def fault() -> str:
    """Why latencies cannot be measured on the host where this runs; empty if they can."""
    nicer = restore()
    if not nicer:
        return ""
    return (
        f"what Ray starts there has a niceness of {nicer} more than its shell, so that other programs come before a "
        "measurement, and this user may not change it: start Ray there with RAY_worker_niceness=0 ray start ..."
    )
