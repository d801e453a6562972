"""Rounds of trials, each stored as it ends, until they suffice."""

from __future__ import annotations

import statistics as standard_statistics
import time

from foundation.wording import counted
from harness.artifacts.variants import DIMENSIONS, variant_text
from harness.files.storage import explained
from harness.processes.launcher import run_trial
from harness.processes.trial import TrialJob, TrialResult
from harness.records.series import Series
from harness.runs.expectation import LEAST_TRIALS, expectation, measured_speed
from harness.runs.plan import PlannedTrial, measured_once, settled, trials_of_round
from harness.runs.prepare import PreparedRun
from harness.runs.request import RunRequest
from harness.text.console import say
from harness.text.progress import Progress


class Rounds:
    """The measuring part of a run, over one run directory."""

    def __init__(self, request: RunRequest, ready: PreparedRun) -> None:
        self._request = request
        self._ready = ready
        self._directory = ready.directory
        self._trial_seconds: list[float] = []
        self._varied = [name for name in DIMENSIONS if len({vars(one)[name] for one in ready.series}) > 1]

    def measure(self, series: list[Series]) -> bool:
        """Measures in rounds until every series is settled, all rounds are done, or the budget is spent.

        Args:
            series: what to measure; series with the same artifact share their trials.

        Returns:
            Whether the budget ended the measurement.
        """
        measured_as = self._directory.measured_as()
        measured = measured_once(series, measured_as)
        if any(measured_as[one.key].key != one.key for one in series):
            say(
                f"{counted(len(measured), 'trial')} a round for {counted(len(series), 'row')}: models with the same "
                "artifact are measured once (column measured_as)"
            )
        self._say_expectation(measured)
        try:
            return self._measured(measured)
        finally:
            for device in self._ready.devices.values():
                if told := device.lock.told():
                    say(told)

    def _measured(self, measured: list[Series]) -> bool:
        """Whether the budget ended the rounds."""
        started = time.monotonic()
        for round_ in range(self._request.rounds):
            pending = self._pending(measured, round_)
            if not pending:
                continue
            with Progress(f"round {round_ + 1}", len(pending)) as progress:
                for trial in pending:
                    if round_ > 0 and self._over_budget(started):
                        return True
                    result = self._trial(trial)
                    progress.step(self._trial_line(trial, result), problem=result.status != "ok")
        return False

    def _pending(self, measured: list[Series], round_: int) -> list[PlannedTrial]:
        """The trials of a round that are still to be made, of series that they would tell something about."""
        return [
            trial
            for trial in trials_of_round(measured, self._directory.trials_done(), self._directory.seed, round_)
            if round_ == 0 or not self._settled(trial.series)
        ]

    def _say_expectation(self, measured: list[Series]) -> None:
        """Says what the run will take, unless it is over soon."""
        pending = [[trial.series for trial in self._pending(measured, one)] for one in range(self._request.rounds)]
        if max(map(len, pending)) < LEAST_TRIALS:
            return
        speeds = {}
        for backend in self._ready.devices:
            with self._ready.devices[backend].lock.held(), explained(self._directory.path):
                speed = measured_speed(self._ready, backend, self._request.trial_timeout_s)
            if speed is not None:
                speeds[backend] = speed
        if speeds:
            say(expectation(pending, speeds, self._request))

    def _settled(self, series: Series) -> bool:
        return settled(self._directory.trials(series.key), self._request.half_width_percent)

    def _counted(self, series: Series) -> bool:
        """Whether a trial has counted the subnormal numbers, which are the same in all."""
        return any(one.subnormal_weights_percent is not None for one in self._directory.trials(series.key))

    def _over_budget(self, started: float) -> bool:
        typical = standard_statistics.median(self._trial_seconds) if self._trial_seconds else 0.0
        waited = sum(device.lock.waited_s for device in self._ready.devices.values())
        return time.monotonic() - started - waited + typical > self._request.budget_s

    def _trial(self, trial: PlannedTrial) -> TrialResult:
        series = trial.series
        job = TrialJob(
            first=self._ready.target(series),
            second=self._ready.reference_target(series.backend),
            timing=self._request.timing,
            seed=self._directory.seed,
            samples=str(self._directory.samples_path(series.key, trial.round)),
            count_subnormals=not self._counted(series),
        )
        with self._ready.devices[series.backend].lock.held(), explained(self._directory.path):
            began = time.monotonic()
            result = run_trial(job, timeout_s=self._request.trial_timeout_s, work_dir=self._directory.path)
        self._directory.append(series.key, trial.round, result)
        self._trial_seconds.append(time.monotonic() - began)
        return result

    def _trial_line(self, trial: PlannedTrial, result: TrialResult) -> str:
        which = variant_text(trial.series, self._varied)
        name = f"{trial.series.model} ({which})" if which else trial.series.model
        if result.status != "ok" or result.latency_median_ms is None or result.ratio is None:
            return f"{name}: {result.status}: {result.reason}"
        return f"{name}: {result.latency_median_ms:.2f} ms, {result.ratio:.3f} x the reference"
