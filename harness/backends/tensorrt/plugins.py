"""The plugins that come with TensorRT: kernels of some operators outside its core, InstanceNormalization for one.

The parser falls back to them, and an engine that holds one loads only in a process that registered them.
"""

from __future__ import annotations

from typing import Any

# The library keeps a bare pointer to the logger that it was given last and writes to it as long as the process runs
# (NVIDIA/TensorRT, plugin/api/inferPlugin.cpp), so that one may not be freed.
_last_logger: list[Any] = []


def register_plugins(trt: Any, logger: Any) -> None:
    """Make the plugins known to this process; again does nothing more than change their logger."""
    trt.init_libnvinfer_plugins(logger, "")
    _last_logger[:] = [logger]
