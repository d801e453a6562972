"""Whether machines of one environment are equally fast, by the reference network that each has measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import MergeError
from harness.merging.run_parts import RunPart

DEFAULT_SPREAD_PERCENT = 10.0
"""Difference of the reference network's latency beyond which machines are not alike."""


def check_speeds(parts: Sequence[RunPart], spread_percent: float) -> None:
    """Refuses a run whose machine was faster or slower than those of the others.

    The machines have the same processor and software, or `check_alike` had refused them; one that is throttled, shared
    or set up differently shows in the latency of the reference network, which is measured in every trial.

    Args:
        parts: the runs.
        spread_percent: the largest difference from the median of the others.

    Raises:
        MergeError: a run differs by more; the message names it.
    """
    for backend in dict.fromkeys(backend for part in parts for backend in part.info.by_backend):
        latencies_ms = _reference_latencies_ms(parts, backend)
        for directory, latency_ms in latencies_ms.items():
            others_ms = [other for place, other in latencies_ms.items() if place != directory]
            if not others_ms:
                continue
            typical_ms = statistics.median(others_ms)
            difference = 100 * (latency_ms / typical_ms - 1)
            if abs(difference) > spread_percent:
                raise MergeError(_message(directory, latencies_ms, typical_ms, difference, spread_percent))


def _reference_latencies_ms(parts: Sequence[RunPart], backend: str) -> dict[Path, float]:
    """The median over the trials of a backend, of each run that has any."""
    found: dict[Path, float] = {}
    for part in parts:
        of_backend = {key for key, one in part.series.items() if one.backend == backend}
        measured = [trial["result"]["reference_median_ms"] for trial in part.trials if trial["series"] in of_backend]
        known_ms = [latency_ms for latency_ms in measured if latency_ms is not None]
        if known_ms:
            found[part.directory] = statistics.median(known_ms)
    return found


def _message(
    directory: Path, latencies_ms: Mapping[Path, float], typical_ms: float, difference: float, spread_percent: float
) -> str:
    which = str(directory) if len(latencies_ms) > 2 else f"one of {' and '.join(map(str, latencies_ms))}"
    return (
        f"{which} is of another speed: the reference network took {latencies_ms[directory]:.3g} ms in {directory} and "
        f"{typical_ms:.3g} ms in the median of the others ({difference:+.0f} %; --spread {spread_percent:g}). "
        "Its rows are not comparable in milliseconds: measure its shard again, on another machine or "
        "when this one is idle, or give a larger --spread if only ratios to the reference network matter"
    )
