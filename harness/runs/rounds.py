"""Rounds of trials, each stored as it ends, until they suffice."""

from __future__ import annotations

import statistics as standard_statistics
import time
from collections.abc import Collection

from foundation.wording import counted
from harness.artifacts.variants import DIMENSIONS, variant_text
from harness.files.storage import explained
from harness.processes.launcher import run_trial
from harness.processes.trial import TrialJob, TrialResult
from harness.records.directory import RunDirectory
from harness.records.series import Series
from harness.runs.expectation import LEAST_TRIALS, Speed, expectation, speed_of
from harness.runs.plan import PlannedTrial, measurable, measured_once, settled, trials_of_round
from harness.runs.prepare import PreparedRun
from harness.runs.request import RunRequest
from harness.text.console import say
from harness.text.progress import Progress


class Rounds:
    """The trials of a run: those of what is ready early, then round after round."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._trial_seconds: list[float] = []
        self._speeds: dict[str, Speed] = {}
        """By backend, once a trial on it has succeeded."""
        self._unsaid: list[list[Series]] | None = None
        """By round, the series whose trials the expectation is about, until it has been said."""

    def first_figures(self, ready: PreparedRun) -> None:
        """Measures the first round of what is ready, while other series still wait to be converted."""
        self._round(ready, measured_once(measurable(ready.series), ready.directory.measured_as()), 0)

    def measure(self, ready: PreparedRun) -> bool:
        """Measures in rounds until every series is settled, all rounds are done, or the budget is spent.

        Args:
            ready: the run; series with the same artifact share their trials.

        Returns:
            Whether the budget ended the measurement.
        """
        series, measured_as = measurable(ready.series), ready.directory.measured_as()
        measured = measured_once(series, measured_as)
        if any(measured_as[one.key].key != one.key for one in series):
            say(
                f"{counted(len(measured), 'trial')} a round for {counted(len(series), 'row')}: models with the same "
                "artifact are measured once (column measured_as)"
            )
        self._unsaid = self._to_foretell(ready, measured)
        self._say_expectation(ready)
        try:
            return any(self._round(ready, measured, round_) for round_ in range(self._request.rounds))
        finally:
            for device in ready.devices.values():
                if told := device.lock.told():
                    say(told)

    def _round(self, ready: PreparedRun, measured: list[Series], round_: int) -> bool:
        """Whether the budget ended the round; the first is always finished."""
        pending = self._pending(ready, measured, round_)
        if not pending:
            return False
        varied = [name for name in DIMENSIONS if len({vars(one)[name] for one in ready.series}) > 1]
        with Progress(f"round {round_ + 1}", len(pending)) as progress:
            for trial in pending:
                if round_ > 0 and self._over_budget():
                    return True
                result = self._trial(ready, trial)
                progress.step(_trial_line(trial, result, varied), problem=result.status != "ok")
                self._say_expectation(ready)
        return False

    def _pending(self, ready: PreparedRun, measured: list[Series], round_: int) -> list[PlannedTrial]:
        """The trials of a round that are still to be made, of series that they would tell something about."""
        directory = ready.directory
        return [
            trial
            for trial in trials_of_round(measured, directory.trials_done(), directory.seed, round_)
            if round_ == 0 or not self._settled(directory, trial.series)
        ]

    def _to_foretell(self, ready: PreparedRun, measured: list[Series]) -> list[list[Series]] | None:
        """By round, the series that lack a trial; None if the run is over soon."""
        rounds = range(self._request.rounds)
        pending = [[trial.series for trial in self._pending(ready, measured, one)] for one in rounds]
        return None if max(map(len, pending)) < LEAST_TRIALS else pending

    def _say_expectation(self, ready: PreparedRun) -> None:
        """Says what the run will take, once, as soon as every backend has a trial that tells its speed."""
        if self._unsaid is not None and len(self._speeds) == len(ready.devices):
            say(expectation(self._unsaid, self._speeds, self._request))
            self._unsaid = None

    def _settled(self, directory: RunDirectory, series: Series) -> bool:
        return settled(directory.trials(series.key), self._request.half_width_percent)

    def _over_budget(self) -> bool:
        """Whether the next trial would end after the budget, if it takes as long as most."""
        typical = standard_statistics.median(self._trial_seconds) if self._trial_seconds else 0.0
        return sum(self._trial_seconds) + typical > self._request.budget_s

    def _trial(self, ready: PreparedRun, trial: PlannedTrial) -> TrialResult:
        series, directory = trial.series, ready.directory
        job = TrialJob(
            first=ready.target(series),
            second=ready.reference_target(series.backend),
            timing=self._request.timing,
            seed=directory.seed,
            samples=str(directory.samples_path(series.key, trial.round)),
            count_subnormals=not _counted(directory, series),
            measure_energy=True,
        ).warmed_enough()
        with ready.devices[series.backend].lock.held(), explained(directory.path):
            began = time.monotonic()
            result = run_trial(job, timeout_s=self._request.trial_timeout_s, work_dir=directory.path)
        took_s = time.monotonic() - began
        directory.append(series.key, trial.round, result)
        self._trial_seconds.append(time.monotonic() - began)
        speed = speed_of(result, took_s, self._request.timing)
        if speed is not None:
            self._speeds.setdefault(series.backend, speed)
        return result


def _counted(directory: RunDirectory, series: Series) -> bool:
    """Whether a trial has counted the subnormal numbers, which are the same in all."""
    return any(one.subnormal_weights_percent is not None for one in directory.trials(series.key))


def _trial_line(trial: PlannedTrial, result: TrialResult, varied: Collection[str]) -> str:
    which = variant_text(trial.series, varied)
    name = f"{trial.series.model} ({which})" if which else trial.series.model
    if result.status != "ok" or result.latency_median_ms is None or result.ratio is None:
        return f"{name}: {result.status}: {result.reason}"
    return f"{name}: {result.latency_median_ms:.2f} ms, {result.ratio:.3f} x the reference"
