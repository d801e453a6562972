"""Which logger a process has, and what TensorRT says of an error."""

from __future__ import annotations

import weakref
from typing import Any

CUDA_ERROR = "(cudaError 35: CUDA driver version is insufficient for CUDA runtime version)"


class LoggerRegistry:
    """The logger of the first builder or runtime is the process's, as long as any builder or runtime lives."""

    def __init__(self) -> None:
        self._living: weakref.WeakSet[Any] = weakref.WeakSet()
        self._registered: Any = None

    def register(self, owner: Any, logger: Any, function: str, warning: Any) -> None:
        """Counts a new builder or runtime; a logger that is not the process's gets a warning, and is used anyway."""
        if not self._living:
            self._registered = logger
        elif logger is not self._registered:
            logger.log(
                warning,
                f"WARNING The logger passed into {function} differs from one already registered for an existing "
                "builder, runtime, or refitter. So the current new logger is ignored, and TensorRT will use the "
                "existing one which is returned by nvinfer1::getLogger() instead.",
            )
        self._living.add(owner)


def log_error(script: Any, types: dict[str, Any], logger: Any, text: str) -> None:
    """Reports an error; without a driver the newest versions then fail to ask CUDA for its own, and say that too."""
    error = types["ILogger.Severity"].ERROR
    logger.log(error, text)
    if script.newest and not script.has_driver:
        logger.log(error, f"[checkMacros.cpp::catchCudaError] Error Code 1: Cuda Runtime {CUDA_ERROR}")
