"""The accuracy of the series of a run: what is evaluated, what is not and why, and the cells of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.wording import counted
from harness.accuracy.evaluation import Cost, Evaluation
from harness.accuracy.outcome import Remarks, remarks_on, result_of
from harness.accuracy.records import ImageRecord, Predictions, folder_of
from harness.accuracy.request import AccuracyRequest
from harness.accuracy.shard_record import ShardRecord
from harness.accuracy.targets import EvaluationTarget, calibration_digests, evaluation_target
from harness.datasets import ImageSet
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS
from harness.files.storage import explained, remove_temporary_files
from harness.records.accuracy_result import AccuracyResult
from harness.records.run_info import is_run, load_run_info
from harness.records.series import Series
from harness.runs.prepare import PreparedRun
from harness.text.progress import minutes_text
from zoo.card import Preprocessing

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class AccuracyTask:
    """How series are evaluated, and where the results are recorded."""

    request: AccuracyRequest
    images: ImageSet
    """From `request.open`."""
    ready: PreparedRun
    """Where results are recorded, and how networks are run."""
    say: Say
    """Prints a line for the user."""
    own_preprocessing: Preprocessing | None = None
    """How images are prepared for networks without a card in the zoo, if that is stated."""

    def evaluate(self, series: Sequence[Series]) -> AccuracyOutcome:
        """Evaluates the series that can be evaluated, and records the result of each, or the reason for none.

        Args:
            series: the series of the run directory.

        Raises:
            AccuracyError: the images changed, or can no longer be read.
            StorageError: the run directory cannot be written.
        """
        own, background = self.own_preprocessing, self.request.background_class
        found = {
            facts.key: evaluation_target(facts, self.ready.target(facts), self.images, own, background)
            for facts in series
        }
        if self.images.told:
            self.say(f"accuracy: {self.images.name}, {self.images.told}")
        for key, target in found.items():
            if isinstance(target, str):
                self._record_reason(key, target)
        targets = [target for target in found.values() if isinstance(target, EvaluationTarget)]
        self._tell_rounding(targets)
        if targets:
            digests = {facts.key: calibration_digests(facts) for facts in series if facts.precision == "int8"}
            self._evaluate(targets, digests)
        else:
            self.say("no accuracy: none of the series can be evaluated on these images, see accuracy_measured_reason")
        results = [self.ready.directory.accuracy(key) for key in found]
        measured = sum(result is not None and result.measured for result in results)
        return AccuracyOutcome(measured, len(results) - measured)

    def _evaluate(self, targets: Sequence[EvaluationTarget], calibrated_on: Mapping[str, Sequence[str]]) -> None:
        """Evaluates targets, given the digests of the images that those in int8 were calibrated on, by key."""
        folder = folder_of(self.ready.directory.path, self.images)
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            remove_temporary_files(folder)
        self._record_shard(folder, {})
        record = ImageRecord(folder, self.images)
        predictions: list[Predictions] = []
        try:
            predictions += (Predictions(folder, target, self.images) for target in targets)
            self._tell_pixels(predictions)
            begun = sum(0 < one.done < len(self.images.items) for one in predictions)
            if begun:
                self.say(f"accuracy: {begun} of {len(predictions)} series resume where they stopped")
            ended = Evaluation(predictions, self.images, record, self.request).run()
            remarks: dict[str, Remarks] = {}
            for one in predictions:
                failure = ended.failures.get(one.target.key)
                if failure:
                    self._record_reason(one.target.key, failure)
                else:
                    remarks[one.target.key] = self._record_result(one, record, calibrated_on.get(one.target.key, ()))
            self._record_shard(folder, remarks)
            self._tell(record, ended.cost)
        finally:
            record.close()
            for one in predictions:
                one.close()

    def _record_shard(self, folder: Path, remarks: Mapping[str, Remarks]) -> None:
        if self.images.whole is not None:
            ShardRecord.of(self.images, remarks).write(folder)

    def _tell_rounding(self, targets: Sequence[EvaluationTarget]) -> None:
        """Says how many networks are not computed by kernels of their precision."""
        rounded = [target for target in targets if target.computed_in]
        if rounded:
            self.say(
                f"accuracy: {len(rounded)} series in {rounded[0].network.precision} computed in "
                f"{rounded[0].computed_in}, since this processor has no such kernels (column accuracy_computed_in)"
            )

    def _tell_pixels(self, predictions: Sequence[Predictions]) -> None:
        """Says which stored predictions are of other pixels, or of unknown ones."""
        replaced = [one for one in predictions if one.replaced_pixels_by]
        if replaced:
            earlier, now = (
                " or ".join(dict.fromkeys(texts))
                for texts in ((one.replaced_pixels_by for one in replaced), (one.pixels_by for one in replaced))
            )
            self.say(
                f"accuracy: {len(replaced)} series evaluated again from the first image: their pixels were made by "
                f"{earlier}, and are made by {now} here"
            )
        unknown = sum(not one.pixels_by for one in predictions)
        if unknown:
            self.say(
                f"accuracy: {unknown} series kept as an earlier version of this harness began them, which did not "
                "record the libraries that make the pixels: they stay unknown"
            )

    def _tell(self, record: ImageRecord, cost: Cost) -> None:
        if cost.inference_s:
            self.say(
                f"accuracy: {minutes_text(cost.inference_s)} in the networks, "
                f"{minutes_text(cost.preparing_s)} of decoding and resizing in parallel"
            )
        listed = record.list_unreadable()
        if listed:
            self.say(
                f"warning: {len(record.unreadable):,} of {len(self.images.items):,} images gave no input and are left "
                f"out of the accuracy: {listed}"
            )

    def _record_reason(self, key: str, reason: str) -> None:
        self.ready.directory.record_accuracy(key, AccuracyResult(self.images.name, self.images.digest, reason=reason))

    def _record_result(self, one: Predictions, record: ImageRecord, calibrated_on: Sequence[str]) -> Remarks:
        directory, target = self.ready.directory, one.target
        remarks = remarks_on(target, self.images, record.count(calibrated_on), len(calibrated_on))
        result = result_of(one, self.images, remarks, directory.path)
        for note in remarks.notes(result.classes_covered_count or 0, target.known_classes):
            self.say(f"warning: {target.model} in {target.network.precision}: {note}")
        directory.record_accuracy(target.key, result)
        return remarks


@dataclasses.dataclass(frozen=True)
class AccuracyOutcome:
    """Numbers of series with and without a measured accuracy."""

    measured: int
    not_measured: int

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        return EXIT_FAILED_ROWS if self.not_measured else EXIT_SUCCESS

    def text(self) -> str:
        """The outcome in words."""
        told = f"{counted(self.measured, 'row')} with a measured accuracy"
        return f"{told}, {self.not_measured} without: see accuracy_measured_reason" if self.not_measured else told


def settings_of_latency(output: Path) -> dict[str, Any] | None:
    """The settings of the run that an evaluation is added to, which stay as they are; None if there is no run."""
    return load_run_info(output).settings if is_run(output) else None
