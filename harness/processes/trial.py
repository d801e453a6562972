"""A trial, the unit of replication: what is asked of one fresh process, and what it answers."""

from __future__ import annotations

import dataclasses
from typing import Any

from foundation.vocabulary import Status
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings
from harness.timing.settings import TimingSettings
from harness.vocabulary import LatencyKind

EXIT_NOT_STORED = 74
"""Exit code of a measuring process that could not write what it found (EX_IOERR of sysexits.h).

The last it says is a sentence for the user. The disk failed, not the trial, which is to be measured again.
"""


@dataclasses.dataclass(frozen=True)
class TrialJob:
    """Everything the measuring process needs to know."""

    artifact: str
    """Path of the ONNX file."""
    artifact_sha256: str
    """Digest the file must have, in hexadecimal; an empty string checks nothing."""
    reference: str
    """Path of the reference network: the project's own in float32, or in a gate the other side of the pair."""
    backend: str
    precision: str
    batch: int
    threads: int
    """Threads inside one operator."""
    timing: TimingSettings
    seed: int
    """Seed of the input images; the same seed gives the same images."""
    samples: str
    """Path of the `.npz` of raw samples to write; an empty string writes none."""
    cache_dir: str = ""
    """Where engines that were built for this device lie; of no meaning to a runtime that builds none."""
    gpu: GpuSettings = dataclasses.field(default_factory=GpuSettings)
    reference_precision: str = "fp32"
    reference_batch: int = 1
    slowdown_percent: float = 0.0
    """By how much the measured network is made slower than it is (`harness.timing.slowdown`)."""
    reference_slowdown_percent: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrialJob:
        """The job read back."""
        timing, gpu = TimingSettings.from_json(data["timing"]), GpuSettings.from_json(data["gpu"])
        return cls(**{**data, "timing": timing, "gpu": gpu})


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What one trial found; every number is None where `status` is not `ok`."""

    status: Status
    reason: str = ""
    """Why the status is not `ok`, and what to do; empty where it is."""
    latency_kind: LatencyKind | None = None
    """`host` is the host's time of one inference, `gpu_compute` the time between CUDA events."""
    latency_median_ms: float | None = None
    """Median over the uncontaminated blocks' inferences of the measured network, as are the next four."""
    latency_mean_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    """None below 662 samples (see `harness.stats.trials.percentile`)."""
    latency_min_ms: float | None = None
    reference_median_ms: float | None = None
    ratio: float | None = None
    """Measured over reference latency: the median over ABBA groups of their ratios of block medians."""
    ratio_spread_percent: float | None = None
    """Robust standard deviation over groups of the ratio's logarithm, times 100."""
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
    """What the convolutions and matrix products were computed in, as in `fp32` or `fp16+fp32`."""
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
    gpu: GpuFigures | None = None
    """What a trial on a GPU found beside; None on a processor."""

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TrialResult:
        """The result read back."""
        gpu = data.get("gpu")
        return cls(**{**data, "gpu": GpuFigures.from_json(gpu) if gpu else None})
