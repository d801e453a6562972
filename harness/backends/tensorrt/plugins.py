"""TensorRT's own plugins: kernels for some operators outside its core, such as InstanceNormalization.

The parser falls back to them, and an engine that contains one loads only in a process that registered them.
"""

from __future__ import annotations

from typing import Any

# The library keeps a bare pointer to the last logger it received and writes to it as long as the process runs
# (NVIDIA/TensorRT, plugin/api/inferPlugin.cpp), so that logger must not be freed.
_last_logger: list[Any] = []


def register_plugins(trt: Any, logger: Any) -> None:
    """Registers the plugins in this process; a further call only changes their logger."""
    trt.init_libnvinfer_plugins(logger, "")
    _last_logger[:] = [logger]
