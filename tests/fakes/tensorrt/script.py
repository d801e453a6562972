"""What a test makes the fake TensorRT do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

from tests.fakes.cuda import FakeCudaDriver

VERSIONS = ("8.5.3.1", "10.16.1.11", "11.4.0.106")

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
    no_builder: bool = False
    """Whether the library returns no builder, as for a GPU or driver that it does not support."""
    build: BuildEnd = "ok"
    fp32_operators: frozenset[str] = frozenset()
    """Operators that a weakly typed FP16 build leaves in FP32."""
    plugins_registered: bool = False
    """Whether `init_libnvinfer_plugins` was called; a test that simulates a new process resets it."""
    no_room_for_context: bool = False
    fails_at: int | None = None
    """Number, from 0, of the inference that cannot be enqueued."""
    layer_ms: Callable[[int, int], float] = lambda layer, inference: 0.1 * (layer + 1)
    """Time of a layer in a profiled inference of a context, both from 0."""
    calls: list[str] = dataclasses.field(default_factory=list)
    """Every method called, as in `Builder.create_network`."""
    executed: int = 0
    contexts: int = 0
    last_config: Any = None
    """The configuration of the last build."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def gpu(self) -> str:
        return f"{self.driver.name} {self.driver.compute_capability}"
