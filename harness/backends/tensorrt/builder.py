"""Builds an engine from an artifact: parses, builds, and inspects the result where it can be loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import traceback
from pathlib import Path
from typing import Any

from foundation.child import memory_peak_mib
from harness.backends.backend import BuildFacts
from harness.backends.tensorrt import inspector
from harness.backends.tensorrt.dialect import Dialect
from harness.backends.tensorrt.engines import EngineKey, EngineSidecar, EngineStore, StoredEngine, explained_cache
from harness.backends.tensorrt.logs import LogTail, explanatory, logging_to, open_log
from harness.backends.tensorrt.plugins import register_plugins
from harness.errors import ArtifactError, FallbackError, HarnessError, UnsupportedError
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.machine.gpu.driver import CudaOutOfMemoryError

_NAMES_SHOWN = 8
_NAME_DIGITS = 12


class EngineBuildError(HarnessError):
    """TensorRT could not build the engine."""


@dataclasses.dataclass(frozen=True)
class CompiledEngine:
    """What a build made."""

    plan: bytes
    build_s: float
    layers: str
    """The inspector's description of its layers; empty if it cannot be loaded where it is built."""
    parse_s: float
    network_layers: int


@dataclasses.dataclass(frozen=True)
class EngineBuild:
    """One build; `trt` is the imported module, and the key's device, if it has one, is current in this thread."""

    trt: Any
    dialect: Dialect
    artifact: Path
    key: EngineKey
    store: EngineStore

    def run(self) -> StoredEngine:
        """Builds the engine and stores it.

        Raises:
            UnsupportedError: the graph uses a newer ONNX than this TensorRT reads, or operators that TensorRT lacks.
            ArtifactError: the file is not ONNX, has dynamic shapes, or lacks what the precision needs.
            FallbackError: the engine computes in another precision.
            EngineBuildError, CudaOutOfMemoryError: the build failed; the message ends with TensorRT's own words.
        """
        graph = read_graph(self.artifact)
        self._check_versions(graph)
        log_path = self.store.log_path(self.key)
        with explained_cache(log_path):
            file = open_log(log_path)
        tail = LogTail(file)
        with file, logging_to(self.trt, tail) as logger:
            try:
                compiled = self._compile(graph, logger, tail)
            except BaseException as error:
                # Otherwise TensorRT's objects in the traceback's frames would outlive the device's context.
                traceback.clear_frames(error.__traceback__)
                raise
        return self._store(compiled, tail)

    def _compile(self, graph: OnnxGraph, logger: Any, tail: LogTail) -> CompiledEngine:
        builder = self._create_builder(logger, tail)
        network = builder.create_network(self.dialect.network_flags(self.trt))
        # Otherwise the library names it by a counter, so that two builds in one process differ.
        network.name = self.key.artifact_sha256[:_NAME_DIGITS]
        begin_s = time.perf_counter()
        self._parse(network, logger, graph, tail)
        parse_s = time.perf_counter() - begin_s
        self._check_inputs(network)
        config = self._configure(builder, network)
        plan, build_s = self._build(builder, network, config, tail)
        layers = ""
        if not self.dialect.compiles_when_loaded:
            self._keep_timings(config)
            layers = self._inspect(plan, logger, tail)
        return CompiledEngine(plan, build_s, layers, parse_s, int(network.num_layers))

    def _check_versions(self, graph: OnnxGraph) -> None:
        limits = self.dialect.limits
        if limits and (graph.opset > limits.opset or graph.ir_version > limits.ir_version):
            raise UnsupportedError(
                f"{self.artifact} uses ONNX opset {graph.opset} and IR version {graph.ir_version}, but "
                f"{self.dialect.name} reads at most opset {limits.opset} and IR version {limits.ir_version}. "
                f"Convert the model with --opset {limits.opset}."
            )

    def _create_builder(self, logger: Any, tail: LogTail) -> Any:
        try:
            register_plugins(self.trt, logger)
            return self.trt.Builder(logger)
        except TypeError as error:
            # The bindings raise this if the library returned no builder.
            raise EngineBuildError(
                f"{self.dialect.name} could not create a builder on {self.key.gpu or 'this machine'}. Check that it "
                f"supports the GPU (compute capability {self.key.compute_capability or 'unknown'}) and the driver."
                f"{tail.explanation()}"
            ) from error

    def _parse(self, network: Any, logger: Any, graph: OnnxGraph, tail: LogTail) -> None:
        parser = self.trt.OnnxParser(network, logger)
        if parser.parse_from_file(str(self.artifact)):
            return
        missing = {
            operator: nodes for operator, nodes in graph.operators().items() if not parser.supports_operator(operator)
        }
        if missing:
            shown = ", ".join(
                f"{operator} ({len(nodes)} node{'s' * (len(nodes) > 1)}, first {nodes[0].name!r})"
                for operator, nodes in list(missing.items())[:_NAMES_SHOWN]
            )
            more = f" and {len(missing) - _NAMES_SHOWN} more" if len(missing) > _NAMES_SHOWN else ""
            raise UnsupportedError(
                f"{self.dialect.name} cannot run these operators: {shown}{more}. Convert the model with "
                "another opset or exporter, or measure it on another backend."
            )
        errors = [self._parser_error(parser.get_error(index)) for index in range(parser.num_errors)]
        said = f" It said: {' '.join(errors)}" if errors else tail.explanation()
        raise UnsupportedError(
            f"{self.dialect.name} cannot read {self.artifact} (opset {graph.opset}).{said} "
            f"Convert the model with another opset or exporter; the full log is {self.store.log_path(self.key)}."
        )

    @staticmethod
    def _parser_error(error: Any) -> str:
        """Formats one error of the parser; all parsers give the node's number, only newer ones the operator."""
        operator = f" {error.node_operator()} {error.node_name()!r}" if hasattr(error, "node_operator") else ""
        return f"[node {error.node()}{operator}: {explanatory(error.desc())}]"

    def _check_inputs(self, network: Any) -> None:
        for index in range(network.num_inputs):
            tensor = network.get_input(index)
            shape = [int(size) for size in tensor.shape]
            if any(size < 0 for size in shape):
                raise ArtifactError(
                    f"{self.artifact}: input {tensor.name!r} has the dynamic shape {shape}. "
                    "Export it with a fixed shape."
                )

    def _configure(self, builder: Any, network: Any) -> Any:
        trt, dialect = self.trt, self.dialect
        config = builder.create_builder_config()
        dialect.set_precision(trt, config, network, self.key.precision)
        dialect.set_capabilities(trt, config, self.key.capabilities)
        dialect.set_workspace(trt, config, self.key.workspace_mib)
        dialect.set_tactic_sources(trt, config, self.key.tactic_sources)
        # Without it the inspector lists layers but does not describe them.
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        if not dialect.compiles_when_loaded:
            self._use_timings(config)
        return config

    def _use_timings(self, config: Any) -> None:
        """Lets the build start from the timings of earlier ones."""
        timings = config.create_timing_cache(self.store.read_timings(self.key))
        if timings is None or not config.set_timing_cache(timings, False):
            # The cache is damaged or from another machine: start a new one.
            timings = config.create_timing_cache(b"")
            config.set_timing_cache(timings, False)

    def _build(self, builder: Any, network: Any, config: Any, tail: LogTail) -> tuple[bytes, float]:
        begin_s = time.perf_counter()
        plan = builder.build_serialized_network(network, config)
        build_s = time.perf_counter() - begin_s
        if plan is None:
            raise self._failure(tail)
        return bytes(plan), build_s

    def _failure(self, tail: LogTail) -> HarnessError:
        """Returns the error that explains why there is no engine, as far as TensorRT reported it."""
        what = f"{self.dialect.name} could not build an {self.key.precision} engine of {self.artifact}."
        log = f"{tail.explanation()} The full log is {self.store.log_path(self.key)}."
        if tail.out_of_memory:
            return CudaOutOfMemoryError(
                f"{what} The GPU is out of memory. Use a smaller batch, or end other processes on it (nvidia-smi).{log}"
            )
        if tail.wants_workspace:
            return EngineBuildError(f"{what} A kernel needs more scratch memory: increase --workspace.{log}")
        if tail.not_on_turing:
            return UnsupportedError(
                f"{what} It lacks an operation on Turing GPUs (compute capability 7.5), as all matrix products in "
                f"float32. Leave sm75 out of --for, or on a Turing card use --backend tensorrt.{log}"
            )
        return EngineBuildError(f"{what} Convert the model with another exporter, or upgrade TensorRT.{log}")

    def _keep_timings(self, config: Any) -> None:
        """Merges the build's timings into those that other builds have written since."""
        made = config.get_timing_cache()
        with self.store.replacing_timings(self.key) as file:
            merged = config.create_timing_cache(file.content)
            if merged is None or not merged.combine(made, False):
                merged = made
            file.replace(bytes(merged.serialize()))

    def _inspect(self, plan: bytes, logger: Any, tail: LogTail) -> str:
        engine = deserialise(self.trt, logger, plan)
        if engine is None:
            raise EngineBuildError(f"{self.dialect.name} cannot load what it built.{tail.explanation()}")
        return describe(self.trt, engine)

    def _store(self, made: CompiledEngine, tail: LogTail) -> StoredEngine:
        effective = ""
        if made.layers:
            effective = inspector.precision_of(read_description(made.layers, self.artifact))
            check_precision(self.key.precision, effective, self.artifact)
        sidecar = EngineSidecar(
            sha256=hashlib.sha256(made.plan).hexdigest(),
            size_bytes=len(made.plan),
            build_s=made.build_s,
            precision_effective=effective,
            log_tail=tuple(tail.lines()),
            built_for=self.key,
            facts=BuildFacts(made.parse_s, made.network_layers, tail.warnings(), memory_peak_mib()),
        )
        return self.store.put(self.key, made.plan, sidecar, made.layers)


def deserialise(trt: Any, logger: Any, plan: bytes) -> Any:
    """Returns the engine, which keeps its runtime alive, or None if this TensorRT cannot load it here."""
    return trt.Runtime(logger).deserialize_cuda_engine(plan)


def describe(trt: Any, engine: Any) -> str:
    """Returns the inspector's JSON for all layers."""
    return str(engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))


def read_description(text: str, artifact: Path) -> list[inspector.EngineLayer]:
    """Returns the layers in the inspector's JSON.

    Raises:
        EngineBuildError: the layers cannot be read.
    """
    try:
        return inspector.read_layers(text)
    except ValueError as error:
        raise EngineBuildError(
            f"The engine of {artifact} does not report its precision ({error}), so the precision cannot be verified."
        ) from error


def check_precision(asked: str, effective: str, artifact: Path) -> None:
    """Checks that the engine has the requested precision.

    An FP16 or INT8 engine may keep layers in FP32, which `effective` then contains; an FP32 engine must compute in
    FP32 only.

    Raises:
        FallbackError: the engine has another precision.
    """
    found = effective.split("+")
    if asked in found and (asked != "fp32" or found == ["fp32"]):
        return
    raise FallbackError(
        f"{asked} was requested, but the engine of {artifact} computes in {effective or 'unknown types'}. "
        f"Measure an artifact of that precision, or convert the model to {asked}."
    )
