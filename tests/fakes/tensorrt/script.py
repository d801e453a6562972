"""What a test makes the fake TensorRT do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt.loggers import LoggerRegistry

VERSIONS = ("8.5.3.1", "10.16.1.11", "11.4.0.106")
RTX = "1.7.1.116"
"""TensorRT-RTX, which is another module than TensorRT: `tensorrt_rtx`."""

CompilesAt = Literal["context", "first_inference"]
BuildEnd = Literal["ok", "nothing", "out_of_memory", "no_workspace"]


@dataclasses.dataclass
class TensorRtScript:
    """The version, the GPU, and what goes wrong."""

    version: str = VERSIONS[0]
    driver: FakeCudaDriver = dataclasses.field(default_factory=FakeCudaDriver)
    unsupported: frozenset[str] = frozenset()
    """Operators for which the parser has no importer."""
    parser_errors: tuple[str, ...] = ()
    """Error with which parsing fails although all operators are known."""
    has_driver: bool = True
    """Whether the machine has a CUDA driver; only TensorRT-RTX builds without."""
    no_builder: bool = False
    """Whether the library returns no builder, as for a GPU or driver that it does not support."""
    build: BuildEnd = "ok"
    fp32_operators: frozenset[str] = frozenset()
    """Operators that a weakly typed FP16 build leaves in FP32."""
    plugins_registered: bool = False
    """Whether `init_libnvinfer_plugins` was called; a test that simulates a new process resets it."""
    no_room_for_context: bool = False
    diagnostics: frozenset[str] = frozenset()
    """Names of `EngineInvalidityDiagnostics` that are true of every engine here, such as OLD_CUDA_DRIVER."""
    compiles_at: CompilesAt = "context"
    """When TensorRT-RTX compiles an engine's kernels."""
    fails_at: int | None = None
    """Number, from 0, of the inference that cannot be enqueued."""
    layer_ms: Callable[[int, int], float] = lambda layer, inference: 0.1 * (layer + 1)
    """Time of a layer in a profiled inference of a context, both from 0."""
    calls: list[str] = dataclasses.field(default_factory=list)
    """Every method called, as in `Builder.create_network`."""
    compilations: int = 0
    """How often TensorRT-RTX compiled the kernels of an engine."""
    executed: int = 0
    contexts: int = 0
    last_config: Any = None
    """The configuration of the last build."""
    loggers: LoggerRegistry = dataclasses.field(default_factory=LoggerRegistry)
    networks: int = 0
    """How many networks were created, by which those without a name are numbered."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def rtx(self) -> bool:
        """Whether this is TensorRT-RTX."""
        return self.major == 1

    @property
    def newest(self) -> bool:
        """Whether the interface is that of TensorRT 11, which TensorRT-RTX shares."""
        return self.rtx or self.major == 11

    @property
    def gpu(self) -> str:
        return f"{self.driver.name} {self.driver.compute_capability}"
