"""Good conduct of a child process: it ends with its parent, and is the first to be killed when memory runs out."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path

from foundation.units import BYTES_PER_MIB

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Makes the kernel kill this process when its parent ends, however the parent ends.

    A worker that outlived a killed run would compute beside the next run's trials. Only Linux offers
    this; elsewhere such a worker runs on for the seconds that its trial takes.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def die_first() -> None:
    """Asks the kernel to kill this process before any other when memory runs out.

    A batch that does not fit must cost its own row, not the run or an unrelated program.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def memory_peak_mib() -> float | None:
    """Largest resident set of this process; a forked process begins with its parent's. None if unknown.

    Not `ru_maxrss` on Linux: there, a program inherits it from the process that started it, whatever it uses itself.
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return None
    if sys.platform == "win32":
        try:
            import psutil
        except ImportError:
            return None
        return float(psutil.Process().memory_info().peak_wset) / BYTES_PER_MIB
    import resource

    # Bytes on macOS, kibibytes on the BSDs.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / BYTES_PER_MIB
