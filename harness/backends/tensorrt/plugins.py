"""TensorRT's own plugins: kernels for some operators outside its core, such as InstanceNormalization.

The parser falls back to them, and an engine that contains one loads only in a process that registered them.
"""

from __future__ import annotations

from typing import Any


def register_plugins(trt: Any, logger: Any) -> None:
    """Registers the plugins in this process; a further call only changes their logger.

    The library keeps a bare pointer to that logger and writes to it as long as the process runs (NVIDIA/TensorRT,
    plugin/api/inferPlugin.cpp), so it must be the process's (`logs.process_logger`), which is never freed.
    """
    trt.init_libnvinfer_plugins(logger, "")
