"""Records of a trial, the unit of replication: the job of one fresh process, and its result."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from harness import backends
from harness.processes.target import Target
from harness.timing.settings import TimingSettings

if TYPE_CHECKING:
    from foundation.vocabulary import Status
    from harness.machine.gpu.figures import GpuFigures
    from harness.vocabulary import LatencyKind


@dataclasses.dataclass(frozen=True)
class TrialJob:
    """Everything the measuring process needs to know."""

    first: Target
    """The network whose latency is reported; loaded and timed first."""
    second: Target
    """The network whose latency is the divisor: the reference network, or in a gate the other side of the pair."""
    timing: TimingSettings
    seed: int
    """Seed of the input images; the same seed gives the same images."""
    samples: str = ""
    """Path of the `.npz` of raw samples to write; an empty string writes none."""
    slowdowns_percent: tuple[float, float] = (0.0, 0.0)
    """Artificial slowdown of the first and of the second network (`harness.timing.slowdown`)."""
    count_subnormals: bool = False
    """Whether to count the first network's subnormal numbers after it has been timed."""
    measure_energy: bool = False
    """Whether to measure, after it has been timed, the energy of its inferences where the system reports one."""

    def warmed_enough(self) -> TrialJob:
        """The trial with the shorter warm-up that is enough for both backends, where that is known."""
        enough_s = max(backends.get(one.backend).warmup_s for one in (self.first, self.second))
        timing = dataclasses.replace(self.timing, warmup_s=min(self.timing.warmup_s, enough_s))
        return dataclasses.replace(self, timing=timing)

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        return {**dataclasses.asdict(self), "timing": self.timing.to_json()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrialJob:
        """The job read back."""
        return cls(
            first=Target.from_json(data["first"]),
            second=Target.from_json(data["second"]),
            timing=TimingSettings.from_json(data["timing"]),
            seed=data["seed"],
            samples=data["samples"],
            slowdowns_percent=tuple(data["slowdowns_percent"]),
            count_subnormals=data["count_subnormals"],
            measure_energy=data["measure_energy"],
        )


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """Result of one trial; every number is None if `status` is not `ok`."""

    status: Status
    reason: str = ""
    """Why the status is not `ok`, and what to do; empty if it is."""
    latency_kind: LatencyKind | None = None
    """`host` is the host's time of one inference, `gpu_compute` the time between CUDA events."""
    latency_median_ms: float | None = None
    """Median over the measured network's inferences in uncontaminated blocks, which the next four use too."""
    latency_mean_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    """None below 662 samples (see `harness.stats.trials.percentile`)."""
    latency_min_ms: float | None = None
    reference_median_ms: float | None = None
    ratio: float | None = None
    """Measured over reference latency: median, over the ABBA groups, of the ratio of block medians."""
    ratio_spread_percent: float | None = None
    """Robust standard deviation, over the groups, of the ratio's logarithm, times 100."""
    samples_count: int | None = None
    """Inferences of the measured network behind the latencies."""
    blocks_count: int | None = None
    """Blocks timed, of both networks, contaminated ones included."""
    blocks_contaminated_count: int | None = None
    load_s: float | None = None
    """Seconds to create the measured session."""
    first_inference_ms: float | None = None
    memory_peak_mib: float | None = None
    """Largest resident set of the measuring process, runtime and reference network included."""
    worker_s: float | None = None
    """Seconds from the start of the measuring process to its result."""
    precision_effective: str | None = None
    """Precision in which the convolutions and matrix products were computed, as in `fp32` or `fp16+fp32`."""
    input_digest: str | None = None
    """SHA-256 of the input's bytes."""
    output_digest: str | None = None
    """SHA-256 of the outputs' bytes, in the order of the graph's outputs."""
    reference_sha256: str | None = None
    throughput_images_per_s: float | None = None
    """Batch size over median latency."""
    runtime: str | None = None
    """Name and version, as in `onnxruntime 1.30.0`."""
    provider: str | None = None
    started_at: str | None = None
    """UTC, ISO 8601."""
    subnormal_weights_percent: float | None = None
    """Share of the float32 weights that are subnormal numbers; None if they were not counted."""
    subnormal_activations_percent: float | None = None
    """The same of activations (`harness.backends.subnormals`)."""
    quota_periods_count: int | None = None
    """Periods of the processor's quota while blocks were timed; None without a quota."""
    quota_throttled_periods_count: int | None = None
    """Those in which the quota was spent, so that the kernel paused the process."""
    cpu_energy_mj: float | None = None
    """Energy of the whole processor, all its packages, per inference; None if the system reports none."""
    module_energy_mj: float | None = None
    """Energy of a Jetson's whole module per inference; None on any other machine."""
    gpu: GpuFigures | None = None
    """Additional figures of a trial on a GPU; None on a processor."""

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrialResult:
        """The result read back."""
        if not data.get("gpu"):
            return cls(**data)
        from harness.machine.gpu.figures import GpuFigures

        return cls(**{**data, "gpu": GpuFigures.from_json(data["gpu"])})
