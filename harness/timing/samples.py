"""Samples of a trial: blocks of inferences, their ratios and figures, and the file that keeps them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation.replacing import replacing
from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness.stats import trials

if TYPE_CHECKING:
    import numpy.typing as npt

MEASURED = 0
REFERENCE = 1

# Measured, reference, reference, measured: a linear drift of the machine's speed cancels.
GROUP_ORDER = (MEASURED, REFERENCE, REFERENCE, MEASURED)


@dataclasses.dataclass(frozen=True)
class Block:
    """Inferences of one session, back to back."""

    session: int
    """MEASURED or REFERENCE."""
    group: int
    start_ns: int
    """On the clock of the trial, which begins at an arbitrary point."""
    latencies_ns: npt.NDArray[np.int64]
    foreign_cores: float
    """Cores that other processes used on average during the block's group."""
    contaminated: bool
    """Whether the group was disturbed by more than the settings allow."""
    reasons: tuple[str, ...] = ()
    """What disturbed it."""


def usable_blocks(blocks: list[Block]) -> list[Block]:
    """The uncontaminated blocks, or all blocks if every one is contaminated."""
    return [block for block in blocks if not block.contaminated] or blocks


def pooled_latencies_ms(blocks: list[Block], session: int) -> npt.NDArray[np.float64]:
    """The latencies of one session in all the blocks, in milliseconds, shape (samples,)."""
    arrays = [block.latencies_ns for block in blocks if block.session == session]
    return np.concatenate(arrays) / NANOSECONDS_PER_MILLISECOND


def group_ratios(blocks: list[Block]) -> npt.NDArray[np.float64]:
    """Measured over reference latency of each ABBA group, shape (groups,): ratio of geometric means of medians."""
    logs: dict[int, list[float]] = {}
    for block in blocks:
        sign = 1.0 if block.session == MEASURED else -1.0
        median_ns = float(np.median(block.latencies_ns))
        logs.setdefault(block.group, []).append(sign * float(np.log(median_ns)) / 2)
    return np.exp([sum(terms) for terms in logs.values()])


def summarise(blocks: list[Block], batch: int) -> dict[str, Any]:
    """The figures of a TrialResult that come from the samples."""
    usable = usable_blocks(blocks)
    latencies_ms = pooled_latencies_ms(usable, MEASURED)
    ratios = group_ratios(usable)
    spread = trials.robust_sd(np.log(ratios))
    median_ms = float(np.median(latencies_ms))
    return {
        "latency_median_ms": median_ms,
        "latency_mean_ms": float(np.mean(latencies_ms)),
        "latency_p90_ms": trials.percentile(latencies_ms, 90),
        "latency_p99_ms": trials.percentile(latencies_ms, 99),
        "latency_min_ms": float(np.min(latencies_ms)),
        "reference_median_ms": float(np.median(pooled_latencies_ms(usable, REFERENCE))),
        "ratio": float(np.median(ratios)),
        "ratio_spread_percent": None if spread is None else 100 * spread,
        "samples_count": len(latencies_ms),
        "blocks_count": len(blocks),
        "blocks_contaminated_count": sum(block.contaminated for block in blocks),
        "throughput_images_per_s": 1000 * batch / median_ms,
    }


def save_samples(blocks: list[Block], path: Path) -> None:
    """Writes every sample, contaminated ones included, as `.npz` that can be read without pickle.

    Arrays with one element per block: `block_session` (0 measured, 1 reference), `block_group`, `block_start_ns`,
    `block_foreign_cores`, `block_contaminated`. Arrays with one element per inference: `latency_ns`, and `block`, the
    index into the block arrays.
    """
    sizes = [len(block.latencies_ns) for block in blocks]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            latency_ns=np.concatenate([block.latencies_ns for block in blocks]),
            block=np.repeat(np.arange(len(blocks), dtype=np.int32), sizes),
            block_session=np.array([block.session for block in blocks], dtype=np.uint8),
            block_group=np.array([block.group for block in blocks], dtype=np.int32),
            block_start_ns=np.array([block.start_ns for block in blocks], dtype=np.int64),
            block_foreign_cores=np.array([block.foreign_cores for block in blocks], dtype=np.float32),
            block_contaminated=np.array([block.contaminated for block in blocks], dtype=np.bool_),
        )
