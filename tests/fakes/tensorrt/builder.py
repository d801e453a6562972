"""Building: the configuration, timing caches, and the result for a network."""

from __future__ import annotations

import json
from typing import Any

import onnx

from tests.fakes.tensorrt.plan import ARITHMETIC, Plan
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of


class IHostMemory(Behaviour):
    _content: bytes

    @property
    def nbytes(self) -> int:
        return len(self._content)

    def __bytes__(self) -> bytes:
        # The real one has the buffer protocol, which a class in Python can only have since 3.12.
        return self._content


class ITimingCache(Behaviour):
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


def make_config(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `IBuilderConfig`."""

    class IBuilderConfig(Behaviour):
        _flags: set[str]
        _sources: int
        _pools: dict[str, int]
        _preview: set[str]
        _cache: Any
        _verbosity: Any
        _logger: Any

        @property
        def profiling_verbosity(self) -> Any:
            return self._verbosity

        @profiling_verbosity.setter
        def profiling_verbosity(self, value: Any) -> None:
            self._verbosity = value

        def set_flag(self, flag: Any) -> None:
            self._flags.add(flag.name)

        def clear_flag(self, flag: Any) -> None:
            self._flags.discard(flag.name)

        def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
            self._pools[pool.name] = pool_size

        def set_tactic_sources(self, tactic_sources: int) -> bool:
            self._sources = tactic_sources
            return True

        def set_preview_feature(self, feature: Any, enable: bool) -> None:
            (self._preview.add if enable else self._preview.discard)(feature.name)

        def create_timing_cache(self, serialized_timing_cache: Any) -> Any:
            content = bytes(serialized_timing_cache)
            here = f"{script.version} {script.gpu}"
            try:
                data = json.loads(content) if content else {"made_for": here, "timings": {}}
                state = {"_made_for": data["made_for"], "_timings": data["timings"], "_memory": types["IHostMemory"]}
            except (ValueError, KeyError, UnicodeDecodeError):
                self._logger.log(types["ILogger.Severity"].ERROR, "The timing cache cannot be read.")
                return None
            return instance_of(types["ITimingCache"], **state)

        def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
            if cache._made_for != f"{script.version} {script.gpu}" and not ignore_mismatch:
                return False
            self._cache = cache
            return True

        def get_timing_cache(self) -> Any:
            return self._cache

    return IBuilderConfig


def make_builder(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `Builder`."""

    class Builder(Behaviour):
        def __init__(self, logger: Any) -> None:
            if script.no_builder:
                raise TypeError("pybind11::init(): factory function returned nullptr")
            self._logger = logger

        def create_network(self, flags: int = 0) -> Any:
            state = {"_flags": flags, "_inputs": [], "_layers": [], "_model": None}
            return instance_of(types["INetworkDefinition"], **state)

        def create_builder_config(self) -> Any:
            verbosities = types["ProfilingVerbosity"]
            return instance_of(
                types["IBuilderConfig"],
                # TensorRT uses TF32 unless it is switched off.
                _flags={"TF32"},
                _sources=0,
                _pools={},
                _preview=set(),
                _cache=None,
                _verbosity=verbosities.LAYER_NAMES_ONLY,
                _logger=self._logger,
            )

        def build_serialized_network(self, network: Any, config: Any) -> Any:
            script.last_config = config
            problem = self._problem(network, config)
            if problem:
                self._logger.log(types["ILogger.Severity"].ERROR, problem)
                return None
            self._logger.log(types["ILogger.Severity"].INFO, "Engine generation completed.")
            self._logger.log(types["ILogger.Severity"].VERBOSE, "Tactic 0x1 time 0.01")
            layers = tuple(
                (layer._node.op_type, layer._node.name, self._type_of(layer, network, config))
                for layer in network._layers
            )
            if config._cache is not None:
                config._cache._timings.update({name: 0.1 for _, name, _ in layers})
            plan = Plan(script.version, script.gpu, config._verbosity.name, layers, network._model.SerializeToString())
            return instance_of(types["IHostMemory"], _content=plan.dump())

        def _problem(self, network: Any, config: Any) -> str:
            """The reason why no engine is built, in TensorRT's words."""
            if not network._layers:
                return "Error Code 4: Network must have at least one output"
            if any(size < 0 for tensor in network._inputs for size in tuple(tensor.shape)):
                return (
                    "Error Code 4: Network has dynamic or shape inputs, but no optimization profile has been defined."
                )
            dtypes = {tensor.dtype.name for layer in network._layers for tensor in layer._outputs}
            weak = script.major == 8
            strong = script.major == 11 or (
                not weak and network._flags & 1 << int(types["NetworkDefinitionCreationFlag"].STRONGLY_TYPED)
            )
            if strong and config._flags & {"FP16", "INT8"}:
                return "Error Code 3: API Usage Error: precision flags cannot be set for a strongly typed network"
            if not strong and "HALF" in dtypes and "FP16" not in config._flags:
                return "Error Code 4: the network has FP16 tensors, but the FP16 builder flag is not set"
            if weak and "INT8" in config._flags and "INT8" not in dtypes:
                return "Error Code 4: Calibration failure: no calibrator and no scales"
            return {
                "ok": "",
                "nothing": "Error Code 10: Internal Error (Could not find any implementation for node conv.)",
                "out_of_memory": "Error Code 2: OutOfMemory (no further information)",
                "no_workspace": "Error Code 10: no implementation due to insufficient workspace. See the log.",
            }[script.build]

        def _type_of(self, layer: Any, network: Any, config: Any) -> str:
            """The layer's type of computation: its operands' type, or what the flags allow."""
            node = layer._node
            if node.op_type not in ARITHMETIC:
                return "FLOAT"
            if _is_quantised(node, network._model):
                return "INT8"
            if layer._outputs[0].dtype.name == "HALF":
                return "HALF"
            return "HALF" if "FP16" in config._flags and node.op_type not in script.fp32_operators else "FLOAT"

    return Builder


def _is_quantised(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    sources = {name: other.op_type for other in model.graph.node for name in other.output}
    return sources.get(node.input[0]) == "DequantizeLinear"
