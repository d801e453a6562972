"""Records of a profile: the job of one fresh process, and its result."""

from __future__ import annotations

import dataclasses
from typing import Any

from foundation.vocabulary import Status
from harness.backends.layers import LayerTime
from harness.processes.target import Target
from harness.vocabulary import LatencyKind


@dataclasses.dataclass(frozen=True)
class ProfileSettings:
    """What the user may choose for a profile besides the model and the runtime."""

    inferences: int = 50
    """Inferences with the profiler; the same number is timed without it."""
    timeout_s: float = 600.0
    """Time limit of the profiling process."""


@dataclasses.dataclass(frozen=True)
class ProfileJob:
    """Everything the profiling process needs to know."""

    target: Target
    inferences: int
    """Inferences to profile; the same number is timed without the profiler."""
    seed: int = 0
    """Seed of the input images."""

    def to_json(self) -> dict[str, Any]:
        """The job as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ProfileJob:
        """The job read back."""
        return cls(**{**data, "target": Target.from_json(data["target"])})


@dataclasses.dataclass(frozen=True)
class ProfileResult:
    """Result of a profile; every number is None if `status` is not `ok`."""

    status: Status
    reason: str = ""
    """Why the status is not `ok`, and what to do; empty if it is."""
    layers: tuple[LayerTime, ...] = ()
    """In order of execution."""
    latency_median_ms: float | None = None
    """Median of the same number of inferences in the same process without the profiler, half before it, half after."""
    latency_kind: LatencyKind | None = None
    precision_effective: str = ""
    runtime: str = ""
    """Name and version, as in `onnxruntime 1.30.0`."""
    provider: str = ""
    foreign_cores: float | None = None
    """Cores that other processes used on average during the profile."""
    disturbances: tuple[str, ...] = ()
    """What makes the times unreliable, as in `thermal throttling`."""

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ProfileResult:
        """The result read back."""
        layers = tuple(LayerTime.from_json(layer) for layer in data.get("layers", ()))
        return cls(**{**data, "layers": layers, "disturbances": tuple(data.get("disturbances", ()))})
