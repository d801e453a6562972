"""Differences between TensorRT 8.5/8.6, 10 and 11 in building an engine; all other code is common.

Those of TensorRT for RTX, whose interface is that of 11, are in `rtx_dialect`.

| | 8.5, 8.6 | 10 | 11 |
|---|---|---|---|
| batch dimension | explicit by a flag | explicit | explicit |
| types | by builder flags: FP16, INT8 | the graph's, by a flag: STRONGLY_TYPED | the graph's |
| external kernels | off by a preview feature too | off by tactic sources | none there |
| device memory of a context | `device_memory_size` | `device_memory_size_v2`, from 10.1 on | `device_memory_size_v2` |

An `fp32` engine computes in FP32 everywhere: TF32, which TensorRT uses by default, is switched off for every
engine, including the FP32 parts of an FP16 or INT8 graph. No other setting with a default in TensorRT is changed.
Sources: NVIDIA's developer guide and migration guides (8.x to 10.x, 10.x to 11.x), NvInfer.h and trtexec of
releases 8.5 to 11.1; the names in each version are those of its real binding module.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, ClassVar

from foundation.units import BYTES_PER_MIB
from harness.errors import ArtifactError, FallbackError, HarnessError, UnsupportedError

TACTIC_SOURCES_VARIABLE = "HARNESS_TENSORRT_TACTIC_SOURCES"
"""Environment variable that restricts the sources of kernels: names of `TacticSource`, separated by commas.

For machines without cuDNN or cuBLAS: `EDGE_MASK_CONVOLUTIONS,JIT_CONVOLUTIONS`.
"""

_EXTERNAL_SOURCES = ("CUBLAS", "CUBLAS_LT", "CUDNN")
_EXTERNAL_PREVIEW = "DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805"


@dataclasses.dataclass(frozen=True)
class Limits:
    """The newest ONNX version that a TensorRT reads."""

    opset: int
    ir_version: int


@dataclasses.dataclass(frozen=True)
class Dialect:
    """The interface of one major version; `trt` is always its module."""

    version: str

    library: ClassVar[str] = "TensorRT"
    compiles_when_loaded: ClassVar[bool] = False
    """Whether an engine is built without a GPU, and compiled for the available one when it is loaded.

    Such a build times no kernels, so it keeps no timings, and it cannot load its engine to inspect it.
    """

    @property
    def name(self) -> str:
        """Library and version, as in `TensorRT 10.16.1.11`."""
        return f"{self.library} {self.version}"

    @classmethod
    def of(cls, trt: Any) -> Dialect:
        """Returns the dialect of the installed module.

        Raises:
            UnsupportedError: the version is older than 8.5, or 9.
        """
        found = cls(str(trt.__version__))
        if found.numbers[0] == 9:
            raise UnsupportedError(
                f"TensorRT {found.version} is not supported: 9 was released only for large language models. Install "
                "TensorRT 8.6, or 10 or newer."
            )
        if found.numbers < (8, 5):
            raise UnsupportedError(
                f"TensorRT {found.version} is older than 8.5, the first version with the required interface. "
                "Install a newer one; on a Jetson, install a newer JetPack."
            )
        return found

    @property
    def numbers(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)

    @property
    def strongly_typed(self) -> bool:
        """Whether the graph alone determines the types of the computation."""
        return self.numbers[0] >= 10

    @property
    def limits(self) -> Limits | None:
        """What its parser reads; None if it reads all that this project converts and refuses what is newer.

        The parser of 8.5 and 8.6 does not refuse newer opsets: it treats their operators as the older ones.
        """
        return Limits(opset=17, ir_version=8) if self.numbers[0] == 8 else None

    def network_flags(self, trt: Any) -> int:
        """Returns the argument of `Builder.create_network`."""
        flags = trt.NetworkDefinitionCreationFlag
        if self.numbers[0] == 8:
            return 1 << int(flags.EXPLICIT_BATCH)
        return 1 << int(flags.STRONGLY_TYPED)

    def set_precision(self, trt: Any, config: Any, network: Any, precision: str) -> None:
        """Allows the types of the precision, and no others.

        Raises:
            ArtifactError: the graph lacks what the precision needs, so the engine would not be the
                requested one.
            FallbackError: fp32 was requested, but the graph computes in fp16.
        """
        config.clear_flag(trt.BuilderFlag.TF32)
        if precision == "int8" and not _has_quantisation(trt, network):
            raise ArtifactError(
                "INT8 was requested, but the graph has no QuantizeLinear nodes, and this harness does not calibrate "
                "in TensorRT. Create the INT8 artifact first: convert with --precision int8 and calibration images."
            )
        has_half = _has_half(trt, network)
        if precision == "fp16" and self.strongly_typed and not has_half:
            raise ArtifactError(
                f"FP16 was requested, but the graph is FP32, and {self.name} computes in the types of the graph. "
                "Create the FP16 artifact first: convert with --precision fp16."
            )
        if precision == "fp32" and self.strongly_typed and has_half:
            raise FallbackError(
                f"fp32 was requested, but the graph has FP16 tensors, and {self.name} computes in fp16 there. Measure "
                "it with --precision fp16, or convert the model to fp32."
            )
        if self.strongly_typed:
            return
        if precision == "fp16" or (precision == "int8" and has_half):
            config.set_flag(trt.BuilderFlag.FP16)
        if precision == "int8":
            config.set_flag(trt.BuilderFlag.INT8)

    def set_tactic_sources(self, trt: Any, config: Any, names: tuple[str, ...]) -> None:
        """Restricts the kernels to these sources; without names, nothing is restricted."""
        if not names:
            return
        known = trt.TacticSource.__members__
        strangers = [name for name in names if name not in known]
        if strangers:
            raise HarnessError(
                f"{self.name} has no tactic source {', '.join(strangers)}; it has "
                f"{', '.join(sorted(known))}. Correct {TACTIC_SOURCES_VARIABLE}."
            )
        if not config.set_tactic_sources(sum(1 << int(known[name]) for name in names)):
            raise HarnessError(
                f"{self.name} refused the tactic sources {', '.join(names)}. "
                f"Correct {TACTIC_SOURCES_VARIABLE}, or unset it."
            )
        features = trt.PreviewFeature.__members__
        if _EXTERNAL_PREVIEW in features and not set(names) & set(_EXTERNAL_SOURCES):
            config.set_preview_feature(features[_EXTERNAL_PREVIEW], True)

    def set_workspace(self, trt: Any, config: Any, workspace_mib: int | None) -> None:
        """Limits the scratch memory of kernels; None leaves it to TensorRT, which then uses all memory."""
        if workspace_mib is not None:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace_mib * BYTES_PER_MIB)

    def set_capabilities(self, trt: Any, config: Any, capabilities: tuple[str, ...]) -> None:
        """Builds the engine for these GPUs, as in `sm86`; TensorRT builds for the available one alone."""

    def context_memory_mib(self, engine: Any) -> float:
        """Returns the device memory of one execution context."""
        size = engine.device_memory_size if self.numbers < (10, 1) else engine.device_memory_size_v2
        return int(size) / BYTES_PER_MIB


def restricted_tactic_sources() -> tuple[str, ...]:
    """Returns the names in the environment variable, sorted; empty if it is not set."""
    names = os.environ.get(TACTIC_SOURCES_VARIABLE, "").split(",")
    return tuple(sorted({name.strip().upper() for name in names if name.strip()}))


def _has_half(trt: Any, network: Any) -> bool:
    """Whether any tensor of the parsed network is FP16."""
    return any(
        layer.get_output(index).dtype == trt.DataType.HALF
        for layer in _layers(network)
        for index in range(layer.num_outputs)
    )


def _has_quantisation(trt: Any, network: Any) -> bool:
    return any(layer.type == trt.LayerType.QUANTIZE for layer in _layers(network))


def _layers(network: Any) -> Any:
    return (network.get_layer(index) for index in range(network.num_layers))
