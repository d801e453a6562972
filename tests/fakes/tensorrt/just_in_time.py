"""TensorRT-RTX's compilation of an engine's kernels on the machine that runs it, and the cache of its results."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of


def make_runtime_cache(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `IRuntimeCache`: which engines' kernels it has, for which GPUs."""

    class IRuntimeCache(Behaviour):
        _kernels: set[str]
        _logger: Any

        def deserialize(self, blob: Any) -> bool:
            try:
                data = json.loads(bytes(blob))
                version, kernels = data["version"], set(data["kernels"])
            except (ValueError, KeyError, TypeError):
                version, kernels = "", set()
            if version != script.version:
                self._logger.log(types["ILogger.Severity"].ERROR, "The runtime cache cannot be read.")
                return False
            self._kernels = kernels
            return True

        def serialize(self) -> Any:
            content = json.dumps({"version": script.version, "kernels": sorted(self._kernels)}).encode()
            return instance_of(types["IHostMemory"], _content=content)

        def reset(self) -> bool:
            self._kernels = set()
            return True

    return IRuntimeCache


def make_runtime_config(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `IRuntimeConfig`."""

    class IRuntimeConfig(Behaviour):
        _cache: Any
        _strategy: Any
        _logger: Any

        @property
        def cuda_graph_strategy(self) -> Any:
            return self._strategy

        @cuda_graph_strategy.setter
        def cuda_graph_strategy(self, value: Any) -> None:
            if not isinstance(value, types["CudaGraphStrategy"]):
                raise TypeError("cuda_graph_strategy must be a CudaGraphStrategy")
            self._strategy = value

        def create_runtime_cache(self) -> Any:
            return instance_of(types["IRuntimeCache"], _kernels=set(), _logger=self._logger)

        def set_runtime_cache(self, cache: Any = None) -> bool:
            self._cache = cache
            return True

        def get_runtime_cache(self) -> Any:
            return self._cache

    return IRuntimeConfig


def create_runtime_config(types: dict[str, Any], logger: Any) -> Any:
    """A configuration without a cache or graphs."""
    strategy = types["CudaGraphStrategy"].DISABLED
    return instance_of(types["IRuntimeConfig"], _cache=None, _strategy=strategy, _logger=logger)


def compile_kernels(script: TensorRtScript, digest: str, config: Any) -> None:
    """Compiles the engine with this digest, unless the configuration's cache has its kernels for this GPU."""
    kernels = f"{digest} {script.gpu}"
    cache = config._cache if config is not None else None
    if cache is not None and kernels in cache._kernels:
        return
    script.compilations += 1
    if cache is not None:
        cache._kernels.add(kernels)
