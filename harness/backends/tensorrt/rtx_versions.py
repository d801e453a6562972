"""Checks whether TensorRT for RTX is installed and the driver is new enough for it, without creating its objects."""

from __future__ import annotations

import importlib
import importlib.util
import re
from typing import Any

from harness.backends.backend import Availability

HOW_TO_INSTALL = (
    "Run: pip install 'baseline-zoo[rtx]' (95 MB, Linux on x86-64 and Windows; for a driver of CUDA 12: "
    "pip install tensorrt-rtx-cu12)"
)

OLDEST_CAPABILITY = (7, 5)
"""The oldest GPUs that it supports (its support matrix); an engine is for them only if it is built for them."""

# The second is there without the first if only the package of the bindings is installed.
_MODULES = ("tensorrt_rtx", "tensorrt_rtx_bindings")
_CUDA_OF_PACKAGE = re.compile(r"^tensorrt[-_]rtx[-_]cu(\d+)[-_]bindings$", re.IGNORECASE)


def module_name() -> str | None:
    """The module that can be imported; None if none can. Imports nothing."""
    return next((name for name in _MODULES if importlib.util.find_spec(name) is not None), None)


def module() -> Any:
    """Imports the library.

    Raises:
        ImportError: it is not installed, or one of its libraries is missing.
    """
    return importlib.import_module(module_name() or _MODULES[0])


def driver_too_old(version: str, cuda_version: str) -> Availability | None:
    """Why the driver cannot run the installed version; None if it can, or if this is unknown.

    Args:
        version: the library's version.
        cuda_version: the newest CUDA that the driver supports, as in `12.4`.
    """
    # Not at the top: it imports a dozen modules, which a building process does without.
    import importlib.metadata

    needed = [
        int(match.group(1))
        for distribution in importlib.metadata.distributions()
        if (match := _CUDA_OF_PACKAGE.match(distribution.metadata["Name"] or "")) and distribution.version == version
    ]
    if not needed or int(cuda_version.partition(".")[0]) >= max(needed):
        return None
    return Availability(
        False,
        f"TensorRT-RTX {version} is built for CUDA {max(needed)}, but the driver supports at most CUDA {cuda_version}. "
        "Engines can be built here nevertheless (python -m harness build).",
        "Install a newer NVIDIA driver, or the package for this one: pip install tensorrt-rtx-cu12",
    )
