"""One pair: a fresh process holds both sides and measures them in alternating short blocks."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from foundation.vocabulary import NATIVE, Status
from harness.machine.gpu.settings import GpuSettings
from harness.processes.launcher import run_trial
from harness.processes.target import Target
from harness.processes.trial import TrialJob, TrialResult
from harness.timing.settings import TimingSettings


@dataclasses.dataclass(frozen=True)
class Side:
    """One version of a series."""

    artifact: str
    """Path of the ONNX file."""
    sha256: str
    precision: str
    inputs: str = ""
    """What its inputs hold; see `Series.inputs`."""
    custom_operators: str = ""
    """See `Series.custom_operators`."""
    companions: tuple[str, ...] = ()
    """Both by their content; see `Series.companions`."""
    backend: str = ""
    """The runtime of this side; that of the conditions if empty."""
    graph: str = NATIVE
    """One of `GRAPHS`."""

    @property
    def form(self) -> str:
        """Precision and graph, in words."""
        return self.precision if self.graph == NATIVE else f"{self.precision} {self.graph}"


@dataclasses.dataclass(frozen=True)
class Pairing:
    """A series of the gate: the same model, twice."""

    model: str
    batch: int
    base: Side
    new: Side


@dataclasses.dataclass(frozen=True)
class PairResult:
    """The result of one pair."""

    status: Status
    reason: str = ""
    log_ratio: float | None = None
    """Natural logarithm of the candidate's latency over the baseline's."""
    base_median_ms: float | None = None
    new_median_ms: float | None = None
    within_percent: float | None = None
    """Robust standard deviation of the log ratio between the groups of blocks of the process."""
    contaminated: bool = False
    """Whether others disturbed every group of blocks, so that the pair must be repeated."""


@dataclasses.dataclass(frozen=True)
class Conditions:
    """The conditions that all pairs of a gate share."""

    backend: str
    """The runtime of every side that names no other."""
    threads: int
    timing: TimingSettings
    gpu: GpuSettings
    timeout_s: float
    cache_dir: str

    def target(self, side: Side, batch: int) -> Target:
        """One side of a pair, as a target to measure."""
        return Target(
            artifact=side.artifact,
            sha256=side.sha256,
            backend=side.backend or self.backend,
            precision=side.precision,
            batch=batch,
            threads=self.threads,
            gpu=self.gpu,
            cache_dir=self.cache_dir,
            inputs=side.inputs,
            custom_operators=side.custom_operators,
        )

    def to_json(self) -> dict[str, Any]:
        """The conditions as a gate's folder records them."""
        return {**dataclasses.asdict(self), "timing": self.timing.to_json(), "gpu": self.gpu.to_json()}


def measure_pair(
    pairing: Pairing, conditions: Conditions, *, seed: int, swapped: bool, work_dir: Path, slowdown_percent: float = 0.0
) -> PairResult:
    """Measures both sides in one fresh process.

    Args:
        pairing: the two sides.
        conditions: how they are measured.
        seed: seed of the input images.
        swapped: whether the baseline takes the first place, which is loaded and timed first; must be drawn at random,
            so that the places' own effect becomes noise.
        work_dir: for temporary files.
        slowdown_percent: by how much the candidate is slowed down, to check that this is found.
    """
    sides = [(pairing.new, slowdown_percent), (pairing.base, 0.0)]
    if swapped:
        sides.reverse()
    first, second = (conditions.target(side, pairing.batch) for side, _ in sides)
    slowdowns = (sides[0][1], sides[1][1])
    job = TrialJob(first, second, conditions.timing, seed, slowdowns_percent=slowdowns).warmed_enough()
    return pair_result(run_trial(job, timeout_s=conditions.timeout_s, work_dir=work_dir), swapped)


def pair_result(trial: TrialResult, swapped: bool) -> PairResult:
    """The result of a pair from its trial, in which the baseline had the first place if `swapped`."""
    if trial.status != "ok" or trial.ratio is None:
        return PairResult(trial.status, trial.reason)
    medians_ms = (trial.latency_median_ms, trial.reference_median_ms)
    base_ms, new_ms = medians_ms if swapped else medians_ms[::-1]
    return PairResult(
        "ok",
        log_ratio=-math.log(trial.ratio) if swapped else math.log(trial.ratio),
        base_median_ms=base_ms,
        new_median_ms=new_ms,
        within_percent=trial.ratio_spread_percent,
        contaminated=trial.blocks_count == trial.blocks_contaminated_count,
    )
