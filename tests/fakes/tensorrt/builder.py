"""Building: the result for a network and a configuration."""

from __future__ import annotations

from typing import Any

import onnx

from tests.fakes.tensorrt.config import unsigned
from tests.fakes.tensorrt.loggers import log_error
from tests.fakes.tensorrt.plan import ARITHMETIC, Plan
from tests.fakes.tensorrt.script import TensorRtScript
from tests.fakes.tensorrt.surface import Behaviour, instance_of

# The scratch memory that TensorRT-RTX needs for a small convolution.
_CONVOLUTION_WORKSPACE_BYTES = 8_194_048

_USAGE = "IBuilder::buildSerializedNetwork: Error Code 4: API Usage Error ({text})"
_NO_PROFILE = "Network has dynamic or shape inputs, but no optimization profile has been defined."
_NO_OUTPUT = "Network must have at least one output"
_NO_WORKSPACE = (
    "[codeGenerator.cpp::createMyelinGraph] Error Code 2: Internal Error (Assertion mContext.maxScratchSize > 0 "
    "failed. Compiling this graph requires workspace memory greater than 0. Please increase the workspace memory "
    "provided to the builder. In createMyelinGraph)"
)
_SMALL_WORKSPACE = (
    "IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([tactic.cpp: enumerate_tactics] Tactic Selection: no "
    "tactics to implement the operation within workspace limit. Consider increase the allowed workspace size if "
    "applicable.; [tactic.cpp: run] Error during tactic selection. In compileGraph)"
)
_SCRIPTED = {
    "ok": "",
    "nothing": "Error Code 10: Internal Error (Could not find any implementation for node conv.)",
    "out_of_memory": "Error Code 2: OutOfMemory (no further information)",
    "no_workspace": "Error Code 10: no implementation due to insufficient workspace. See the log.",
}

_NOT_ON_TURING = (
    "IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([pass.cpp:337: check_turing_op_compatibility] Cannot "
    "compile operation '{name}' for Turing (SM75): FP32 GEMM is not supported.)"
)


class IHostMemory(Behaviour):
    _content: bytes

    @property
    def nbytes(self) -> int:
        return len(self._content)

    def __bytes__(self) -> bytes:
        # The real one has the buffer protocol, which a class in Python can only have since 3.12.
        return self._content


def make_builder(script: TensorRtScript, types: dict[str, Any]) -> type:
    """The implementation of `Builder`."""
    network_flags = types["NetworkDefinitionCreationFlag"]

    class Builder(Behaviour):
        def __init__(self, logger: Any) -> None:
            if script.no_builder or not (script.has_driver or script.rtx):
                raise TypeError("pybind11::init(): factory function returned nullptr")
            self._logger = logger
            if script.newest:
                script.loggers.register(self, logger, "createInferBuilder", types["ILogger.Severity"].WARNING)

        def create_network(self, flags: int = 0) -> Any:
            flags = unsigned(int(flags))
            if script.newest and flags & ~sum(1 << int(flag) for flag in network_flags.__members__.values()):
                text = "IBuilder::createNetworkV2: Error Code 3: API Usage Error (Parameter check failed, flagSet)"
                return log_error(script, types, self._logger, text)
            name = f"Unnamed Network {script.networks}"
            script.networks += 1
            empty: dict[str, Any] = {"_inputs": [], "_outputs": [], "_layers": [], "_model": None, "_parser": False}
            return instance_of(types["INetworkDefinition"], _flags=flags, _name=name, _builder=self, **empty)

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
                _builder=self,
            )

        def build_serialized_network(self, network: Any, config: Any) -> Any:
            script.last_config = config
            problem = self._problem(network, config)
            if problem:
                # Unlike other errors, those of a build do not ask CUDA for its own.
                self._logger.log(types["ILogger.Severity"].ERROR, problem)
                return None
            self._logger.log(types["ILogger.Severity"].INFO, "Engine generation completed.")
            self._logger.log(types["ILogger.Severity"].VERBOSE, "Tactic 0x1 time 0.01")
            plan = self._plan(network, config)
            if config._cache is not None and not script.rtx:
                config._cache._timings.update({name: 0.1 for _, name, _ in plan.layers})
            return instance_of(types["IHostMemory"], _content=plan.dump())

        def _plan(self, network: Any, config: Any) -> Plan:
            return Plan(
                version=script.version,
                gpu="" if script.rtx else script.gpu,
                targets=config._numbers() if script.rtx else (),
                name=network._name if script.rtx else "",
                flags=tuple(sorted(config._flags)),
                verbosity=config._verbosity.name,
                layers=tuple(
                    (layer._node.op_type, layer._node.name, self._type_of(layer, network, config))
                    for layer in network._layers
                ),
                model=network._model.SerializeToString(),
            )

        def _problem(self, network: Any, config: Any) -> str:
            """The reason why no engine is built, in TensorRT's words."""
            usage = _USAGE if script.newest else "Error Code 4: {text}"
            if not network._outputs:
                return usage.format(text=_NO_OUTPUT)
            if any(size < 0 for tensor in network._inputs for size in tuple(tensor.shape)):
                return usage.format(text=_NO_PROFILE)
            if script.rtx:
                problem = config._problem() or _turing_problem(network, config) or _workspace_problem(network, config)
                return problem or _SCRIPTED[script.build]
            return _type_problem(script, network, config, types) or _SCRIPTED[script.build]

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


def _type_problem(script: TensorRtScript, network: Any, config: Any, types: dict[str, Any]) -> str:
    """Why the network's types and the builder's flags do not go together."""
    dtypes = {tensor.dtype.name for layer in network._layers for tensor in layer._outputs}
    weak = script.major == 8
    flags = types["NetworkDefinitionCreationFlag"]
    strong = script.newest or (not weak and network._flags & 1 << int(flags.STRONGLY_TYPED))
    if strong and config._flags & {"FP16", "INT8"}:
        return "Error Code 3: API Usage Error: precision flags cannot be set for a strongly typed network"
    if not strong and "HALF" in dtypes and "FP16" not in config._flags:
        return "Error Code 4: the network has FP16 tensors, but the FP16 builder flag is not set"
    if weak and "INT8" in config._flags and "INT8" not in dtypes:
        return "Error Code 4: Calibration failure: no calibrator and no scales"
    return ""


def _turing_problem(network: Any, config: Any) -> str:
    """Why TensorRT-RTX has no kernels for compute capability 7.5."""
    if 75 not in config._numbers():
        return ""
    for layer in network._layers:
        if layer._node.op_type in ("Gemm", "MatMul") and layer._outputs[0].dtype.name == "FLOAT":
            return _NOT_ON_TURING.format(name=layer._node.name)
    return ""


def _workspace_problem(network: Any, config: Any) -> str:
    """Why TensorRT-RTX finds no kernels in the workspace."""
    limit_bytes = config._pools.get("WORKSPACE", _CONVOLUTION_WORKSPACE_BYTES)
    if limit_bytes == 0:
        return _NO_WORKSPACE
    convolves = any(layer._node.op_type == "Conv" for layer in network._layers)
    return _SMALL_WORKSPACE if convolves and limit_bytes < _CONVOLUTION_WORKSPACE_BYTES else ""


def _is_quantised(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    sources = {name: other.op_type for other in model.graph.node for name in other.output}
    return sources.get(node.input[0]) == "DequantizeLinear"
