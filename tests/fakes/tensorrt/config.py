"""The configuration of a build."""

from __future__ import annotations

from typing import Any

from tests.fakes.tensorrt import timing_cache
from tests.fakes.tensorrt.loggers import CUDA_ERROR, log_error
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour

_BYTES_PER_MIB = 1 << 20
_WORKSPACE_WITHOUT_GPU_BYTES = 64 << 30
_NO_GPU = f"IBuilder::buildSerializedNetwork: Error Code 1: Cuda Runtime (In generateForCurrent {CUDA_ERROR})"


def make_config(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `IBuilderConfig`."""

    class IBuilderConfig(Behaviour):
        _flags: set[str]
        _sources: int
        _pools: dict[str, int]
        _preview: set[str]
        _cache: Any
        _verbosity: Any
        _builder: Any
        _sources_are_default = True

        @property
        def profiling_verbosity(self) -> Any:
            return self._verbosity

        @profiling_verbosity.setter
        def profiling_verbosity(self, value: Any) -> None:
            if not isinstance(value, types["ProfilingVerbosity"]):
                raise TypeError("profiling_verbosity must be a ProfilingVerbosity")
            self._verbosity = value

        @property
        def flags(self) -> int:
            return sum(1 << int(types["BuilderFlag"].__members__[name]) for name in self._flags)

        def get_flag(self, flag: Any) -> bool:
            return flag.name in self._flags

        def set_flag(self, flag: Any) -> None:
            self._flags.add(flag.name)

        def clear_flag(self, flag: Any) -> None:
            self._flags.discard(flag.name)

        def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
            self._pools[pool.name] = unsigned(pool_size)

        def get_memory_pool_limit(self, pool: Any) -> int:
            if pool.name in self._pools or pool.name != "WORKSPACE":
                return self._pools.get(pool.name, 0)
            if not script.has_driver:
                return _WORKSPACE_WITHOUT_GPU_BYTES
            return int(script.driver.total_mib * _BYTES_PER_MIB)

        def set_tactic_sources(self, tactic_sources: int) -> bool:
            self._sources = unsigned(tactic_sources)
            self._sources_are_default = False
            return True

        def get_tactic_sources(self) -> int:
            if not self._sources_are_default:
                return self._sources
            return sum(1 << int(source) for source in types["TacticSource"].__members__.values())

        def set_preview_feature(self, feature: Any, enable: bool) -> None:
            (self._preview.add if enable else self._preview.discard)(feature.name)

        def create_timing_cache(self, serialized_timing_cache: Any) -> Any:
            content = bytes(serialized_timing_cache)
            return timing_cache.create_timing_cache(script, types, self._builder._logger, content)

        def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
            if script.rtx:
                timing_cache.deprecated()
            elif cache._made_for != timing_cache.made_for(script) and not ignore_mismatch:
                return False
            self._cache = cache
            return True

        def get_timing_cache(self) -> Any:
            if script.rtx:
                timing_cache.deprecated()
            return self._cache

    return _with_targets(script, types, IBuilderConfig) if script.rtx else IBuilderConfig


def _with_targets(script: TensorRtScript, types: dict[str, Any], base: type) -> type:
    """The configuration of TensorRT-RTX, which builds for compute capabilities, not for one GPU."""
    none = types["ComputeCapability"].NONE
    current = types["ComputeCapability"].CURRENT

    class RtxConfig(base):
        _targets: tuple[Any, ...] = ()

        @property
        def num_compute_capabilities(self) -> int:
            return len(self._targets)

        @num_compute_capabilities.setter
        def num_compute_capabilities(self, value: int) -> None:
            if value < 0:
                self._error("Number of compute capabilities must be non-negative.", "setNbComputeCapabilities")
                raise ValueError("Provided number of compute capabilities is incorrect")
            self._targets = (*self._targets[:value], *(none for _ in range(len(self._targets), value)))

        def get_compute_capability(self, index: int) -> Any:
            if not self._has(index, "getComputeCapability"):
                return none
            return self._targets[index]

        def set_compute_capability(self, compute_capability: Any, index: int) -> bool:
            function = "setComputeCapability"
            if not self._has(index, function):
                return False
            if compute_capability == none:
                return self._error("computeCapability != ComputeCapability::kNONE.", function)
            if compute_capability == current and len(self._targets) != 1:
                return self._error("(index == 0) && (mConfig.computeCapabilities.size() == 1).", function)
            self._targets = (*self._targets[:index], compute_capability, *self._targets[index + 1 :])
            return True

        def _has(self, index: int, function: str) -> bool:
            if 0 <= index < len(self._targets):
                return True
            return self._error("Index of compute capability is not in a valid range.", function)

        def _error(self, text: str, function: str) -> bool:
            text = f"IBuilderConfig::{function}: Error Code 3: API Usage Error (Parameter check failed, {text})"
            log_error(script, types, self._builder._logger, text)
            return False

        def _problem(self) -> str:
            """Why nothing is built for these compute capabilities."""
            if none in self._targets:
                return "Unexpected exception bad optional access"
            if current in self._targets and not script.has_driver:
                return (
                    f"IBuilder::buildSerializedNetwork: Error Code 1: Cuda Runtime (In generateForCurrent {CUDA_ERROR})"
                )
            return ""

        def _numbers(self) -> tuple[int, ...]:
            """The compute capabilities, ten times each."""
            major, minor = script.driver.compute_capability
            return tuple(sorted({10 * major + minor if one == current else int(one) for one in self._targets}))

    return RtxConfig


def unsigned(value: int) -> int:
    """The value, which pybind11 refuses if it is negative."""
    if value < 0:
        raise TypeError(f"incompatible function arguments: {value}")
    return value
