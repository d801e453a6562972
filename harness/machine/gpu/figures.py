"""Figures of a trial on a GPU besides the latencies."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class GpuFigures:
    """Figures of one trial; a figure that the device or the driver does not report is None."""

    latency_host_median_ms: float | None = None
    """Time of copying the input to the device, inference, and copying the outputs back, one at a time."""
    input_copy_median_ms: float | None = None
    output_copy_median_ms: float | None = None
    enqueue_median_ms: float | None = None
    """Host time to enqueue one inference."""
    throughput_images_per_s: float | None = None
    """Images over wall time, with inferences enqueued back to back."""
    sm_clock_mhz: float | None = None
    """Median over the readings between groups of blocks, like the next three."""
    memory_clock_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    energy_mj: float | None = None
    """Energy of the whole board per inference."""
    throttle_reasons: str | None = None
    """Every reason seen, joined by `+`; an empty string if there was none."""
    foreign_processes_count: int | None = None
    """Maximum number of other processes with a compute context on the device."""
    memory_mib: float | None = None
    """Device memory of the engine and its execution context."""
    cuda_graph: bool | None = None
    queue_depth: int | None = None
    wait: str | None = None
    engine_mib: float | None = None
    engine_build_s: float | None = None
    """Seconds that building the engine took; a cached engine keeps the figure of its build."""
    engine_sha256: str | None = None
    engine_capabilities: str | None = None
    """GPUs that the engine is built for, as in `sm86+sm89`, `9.0` or `8.0 and later`."""
    jit_s: float | None = None
    """Seconds to create the execution context and run the first inference, in which a runtime compiles kernels."""
    jit_cache: str | None = None
    """Whether a file had those kernels: `hit`, `partial` or `miss`."""
    warnings: tuple[str, ...] = ()
    """Warnings about the figures, for example that enqueueing limits them; one sentence each."""

    def with_readings(self, fields: dict[str, Any]) -> GpuFigures:
        """These figures with the fields that a meter read; its warnings follow the existing ones."""
        warnings = (*self.warnings, *fields.get("warnings", ()))
        return dataclasses.replace(self, **{**fields, "warnings": warnings})

    def to_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GpuFigures:
        """The figures read back."""
        return cls(**{**data, "warnings": tuple(data["warnings"])})
