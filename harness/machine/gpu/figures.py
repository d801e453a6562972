"""What one trial on a GPU found beside the latencies themselves."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class GpuFigures:
    """Figures of one trial; one that the device or the driver does not tell is None."""

    latency_host_median_ms: float | None = None
    """Input copied to the device, inference, outputs copied back, one at a time."""
    input_copy_median_ms: float | None = None
    output_copy_median_ms: float | None = None
    enqueue_median_ms: float | None = None
    """Host time to enqueue one inference."""
    throughput_images_per_s: float | None = None
    """Images over wall time, inferences enqueued back to back."""
    sm_clock_mhz: float | None = None
    """Median over the readings between groups of blocks, as are the next three."""
    memory_clock_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    energy_mj: float | None = None
    """Energy of one inference, the whole board's."""
    throttle_reasons: str | None = None
    """Every reason seen, joined by `+`; an empty string where there was none."""
    foreign_processes_count: int | None = None
    """Most processes of others that computed on the device."""
    memory_mib: float | None = None
    """Device memory of the engine and its execution context."""
    cuda_graph: bool | None = None
    queue_depth: int | None = None
    wait: str | None = None
    engine_mib: float | None = None
    engine_build_s: float | None = None
    """Seconds the engine took to build when it was built; a cached engine keeps its figure."""
    engine_sha256: str | None = None
    warnings: tuple[str, ...] = ()
    """What a reader should know of the figures, as that they are bound by enqueueing; one sentence each."""

    def with_readings(self, fields: dict[str, Any]) -> GpuFigures:
        """These figures with the fields that a meter read; its warnings follow those there are."""
        warnings = (*self.warnings, *fields.get("warnings", ()))
        return dataclasses.replace(self, **{**fields, "warnings": warnings})

    def to_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GpuFigures:
        """The figures read back."""
        return cls(**{**data, "warnings": tuple(data["warnings"])})
