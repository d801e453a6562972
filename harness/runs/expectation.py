"""What a run will take, and how good its intervals will be, foretold by the first trial of each backend."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence

from foundation.units import NANOSECONDS_PER_MILLISECOND
from foundation.wording import counted
from harness.artifacts.reference import REFERENCE_MACS
from harness.processes.trial import TrialResult
from harness.records.series import Series
from harness.runs.request import RunRequest
from harness.stats.trials import expected_half_width_percent
from harness.text.progress import minutes_text
from harness.timing.loop import runs_that_fill, settling_runs
from harness.timing.samples import GROUP_ORDER
from harness.timing.settings import TimingSettings

SPREAD_PERCENT = 1.5
"""Standard deviation of the ratio between trials that intervals are foretold for: the usual one of docs/evidence.md."""

LEAST_TRIALS = 12
"""A run with fewer trials a round is over before its length could be worth saying."""


@dataclasses.dataclass(frozen=True)
class Speed:
    """How fast a backend is here."""

    reference_ms: float
    """Latency of the reference network."""
    start_s: float
    """Seconds of a trial in which no network runs: the process, its imports, two sessions."""

    def latency_ms(self, macs: int | None, batch: int) -> float:
        """A network's latency if its multiply-adds take as long as the reference network's, which nobody promises.

        Args:
            macs: multiply-adds of one image; if None, those of the reference network.
            batch: images per inference.
        """
        return self.reference_ms * batch * (macs or REFERENCE_MACS) / REFERENCE_MACS

    def trial_s(self, series: Series, timing: TimingSettings) -> float:
        """Seconds of one trial of a series."""
        latency_ms = self.latency_ms(series.macs, series.batch)
        return self.start_s + running_s(latency_ms, timing) + running_s(self.reference_ms, timing)


def running_s(latency_ms: float, timing: TimingSettings) -> float:
    """Seconds that one of the two networks of a trial runs: the first inference, the warm-up, blocks and settling."""
    latency_ns = latency_ms * NANOSECONDS_PER_MILLISECOND
    warm_up_s = max(timing.warmup_s, max(1, timing.warmup_min_runs - 1) * latency_ms / 1e3)
    blocks = timing.groups * len(GROUP_ORDER) / 2
    # Of the three times that a group of blocks changes networks, each network is changed to in half.
    settling = timing.groups * 1.5 * settling_runs(timing, latency_ns)
    runs = 1 + settling + blocks * runs_that_fill(timing.block_ms, latency_ns)
    return warm_up_s + runs * latency_ms / 1e3


def speed_of(result: TrialResult, took_s: float, timing: TimingSettings) -> Speed | None:
    """The speed of a backend by one of its trials; None if that failed.

    Args:
        result: the trial.
        took_s: seconds from its start to its end.
        timing: how it was timed.
    """
    if result.latency_median_ms is None or result.reference_median_ms is None:
        return None
    latencies_ms = (result.latency_median_ms, result.reference_median_ms)
    running = sum(running_s(latency_ms, timing) for latency_ms in latencies_ms)
    return Speed(result.reference_median_ms, max(0.0, took_s - running))


def expectation(pending: Sequence[Sequence[Series]], speeds: Mapping[str, Speed], request: RunRequest) -> str:
    """One sentence: how long the rounds take, how many of them fit, and how good the intervals will be.

    Args:
        pending: by round, the series that still lack its trial; the first such round is always finished.
        speeds: by backend, at least one; the trials of other backends count as average ones.
        request: budget and timing.
    """
    seconds = [_round_s(trials, speeds, request.timing) for trials in pending]
    ends_s = list(itertools.accumulate(seconds))
    first = next(index for index, trials in enumerate(pending) if trials)
    fitting = max(first + 1, sum(end_s <= request.budget_s for end_s in ends_s))
    told = f"expected: {counted(len(pending[first]), 'trial')} in about {minutes_text(seconds[first])} a round; "
    if fitting == len(pending):
        return f"{told}{_quality(fitting)} in about {minutes_text(ends_s[-1])}"
    enough_m = math.ceil(ends_s[-1] / 60) + 1
    return (
        f"{told}{_quality(fitting)} within the budget of {minutes_text(request.budget_s)}, or "
        f"{_quality(len(pending))} with --budget {enough_m}m"
    )


def _round_s(trials: Sequence[Series], speeds: Mapping[str, Speed], timing: TimingSettings) -> float:
    known_s = [speeds[one.backend].trial_s(one, timing) for one in trials if one.backend in speeds]
    return statistics.mean(known_s) * len(trials) if known_s else 0.0


def _quality(rounds: int) -> str:
    """A number of rounds, and the intervals over them."""
    width = expected_half_width_percent(rounds, SPREAD_PERCENT)
    return f"{counted(rounds, 'round')} ({'no intervals' if width is None else f'intervals of about +-{width:.2g} %'})"
