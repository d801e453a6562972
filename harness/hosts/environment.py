"""The environment of a command on a host: that of a shell there, without what a courier sets for its own tasks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NUMBER_OF_RAYLET = "RAY_RAYLET_PID"
"""Variable with the process that starts Ray's workers."""

_OF_COURIER = "RAY_"
"""Variables of Ray begin so; RAY_ADDRESS too, with which a command would hand itself out again."""
_CHANGED_BY_COURIER = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "KMP_AFFINITY", "OMP_PROC_BIND", "OMP_PLACES"),
    *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NUMEXPR_NUM_THREADS"),
)
"""Variables that Ray sets in its workers: threads to one, GPUs to those of the task."""


def cleaned(here: Mapping[str, str]) -> dict[str, str]:
    """The environment for a command.

    The process that starts Ray's workers has these variables as the user set them. Where it cannot be read, they are
    left out, as on a machine on which nothing is set.

    Args:
        here: the environment of the task.
    """
    bare = _of_process(here.get(NUMBER_OF_RAYLET, ""))
    found = {name: value for name, value in here.items() if name not in _CHANGED_BY_COURIER}
    found |= {name: bare[name] for name in _CHANGED_BY_COURIER if name in bare}
    return {name: value for name, value in found.items() if not name.startswith(_OF_COURIER)}


def _of_process(number: str) -> dict[str, str]:
    """The environment that a process of this machine was started with; empty if it cannot be read."""
    try:
        data = Path(f"/proc/{int(number)}/environ").read_bytes()
    except (ValueError, OSError):
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in data.split(b"\0"))
    return {name: value for name, equals, value in pairs if equals}
