"""Timing caches: what TensorRT knows of its kernels' times, and TensorRT-RTX, which times nothing, pretends to."""

from __future__ import annotations

import json
import warnings
from typing import Any

from tests.fakes.tensorrt.loggers import log_error
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of

_DEPRECATED = "Use Deprecated in TensorRT-RTX 1.2. Timing cache operations are no-ops in TensorRT-RTX. instead."
_NOTHING = b"an empty timing cache"


def deprecated() -> None:
    """Warns as TensorRT-RTX does, at the line that called it."""
    warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=4)


class TensorRtTimingCache(Behaviour):
    """TensorRT's `ITimingCache`."""

    _made_for: str
    _timings: dict[str, float]
    _memory: type

    def combine(self, input_cache: Any, ignore_mismatch: bool) -> bool:
        if input_cache._made_for != self._made_for and not ignore_mismatch:
            return False
        self._timings.update(input_cache._timings)
        return True

    def serialize(self) -> Any:
        content = json.dumps({"made_for": self._made_for, "timings": self._timings}).encode()
        return instance_of(self._memory, _content=content)


class RtxTimingCache(Behaviour):
    """TensorRT-RTX's `ITimingCache`, which accepts everything and holds nothing."""

    _memory: type

    def combine(self, input_cache: Any, ignore_mismatch: bool) -> bool:
        if input_cache is self:
            raise AssertionError("A real process never returns from combining a cache with itself.")
        deprecated()
        return True

    def reset(self) -> bool:
        deprecated()
        return True

    def serialize(self) -> Any:
        deprecated()
        return instance_of(self._memory, _content=_NOTHING)


def create_timing_cache(script: TensorRtScript, types: dict[str, Any], logger: Any, content: bytes) -> Any:
    """The cache with this content; TensorRT gives None for content that it cannot read, TensorRT-RTX an empty one."""
    if script.rtx:
        _check(script, types, logger, content)
        return instance_of(types["ITimingCache"], _memory=types["IHostMemory"])
    try:
        data = json.loads(content) if content else {"made_for": made_for(script), "timings": {}}
        state = {"_made_for": data["made_for"], "_timings": data["timings"], "_memory": types["IHostMemory"]}
    except (ValueError, KeyError, UnicodeDecodeError):
        return logger.log(types["ILogger.Severity"].ERROR, "The timing cache cannot be read.")
    return instance_of(types["ITimingCache"], **state)


def made_for(script: TensorRtScript) -> str:
    """What the timings of a cache are valid for."""
    return f"{script.version} {script.gpu}"


def _check(script: TensorRtScript, types: dict[str, Any], logger: Any, content: bytes) -> None:
    if not content or (script.has_driver and content == _NOTHING):
        return
    if not script.has_driver:
        log_error(script, types, logger, "Error Code 1: Cuda Runtime (In ScopedCudaStream)")
    for line in (
        "The timing cache will not be used!",
        "Failed to deserialize timing cache. Returning an empty timing cache.",
    ):
        logger.log(types["ILogger.Severity"].WARNING, line)
