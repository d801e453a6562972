"""The result of a series that has seen every image, with what a reader of it should know."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foundation.wording import sentences
from harness import backends
from harness.accuracy.predictions import PredictionTable, read_predictions
from harness.accuracy.records import Predictions
from harness.accuracy.targets import EvaluationTarget
from harness.datasets import ImageSet
from harness.records.accuracy_result import AccuracyResult
from zoo.own_preprocessing import is_assumed
from zoo.preprocessing import described

SATURATES = (
    "the accuracy is this processor's: without VNNI instructions, int8 convolutions add products in 16 bits, where "
    "large ones are cut off (ONNX Runtime's session.x64quantprecision=1 avoids that, and is slower)"
)


@dataclasses.dataclass(frozen=True)
class Remarks:
    """What a reader of an accuracy should know besides its figures."""

    always: tuple[str, ...]
    """Notes that hold whichever images are evaluated."""
    seen_count: int = 0
    """How many of the images that the network was calibrated on are among those evaluated."""
    calibration_count: int = 0
    """How many images the network was calibrated on."""
    shard: str = ""
    """Which share of the images it is the accuracy of; empty for all."""

    def notes(self, covered: int, known: int) -> list[str]:
        """The notes, without capitals and full stops.

        Args:
            covered: number of classes that the readable images have.
            known: number of classes that the network tells apart.
        """
        notes = list(self.always)
        if 0 < covered < known:
            notes.append(
                f"the images cover {covered:,} of its {known:,} classes, so that the accuracy is not comparable with "
                "one of all classes"
            )
        if self.seen_count:
            notes.append(
                f"{self.seen_count:,} of the {self.calibration_count:,} calibration images are among those evaluated"
            )
        if self.shard:
            notes.append(f"this is the accuracy on shard {self.shard} of the images: put all shards together (merge)")
        return notes

    def to_json(self) -> dict[str, Any]:
        """The remarks as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Remarks:
        """The remarks read back."""
        return cls(**{**data, "always": tuple(data["always"])})

    @staticmethod
    def together(shards: Sequence[Remarks]) -> Remarks:
        """The remarks on all images, from those on each shard of them."""
        return dataclasses.replace(shards[0], seen_count=sum(one.seen_count for one in shards), shard="")


def remarks_on(target: EvaluationTarget, images: ImageSet, seen: int, calibration_count: int) -> Remarks:
    """The remarks on the accuracy of a network.

    Args:
        target: the network.
        images: the data set.
        seen: see `Remarks.seen_count`.
        calibration_count: how many it was calibrated on.
    """
    always = []
    if is_assumed(target.preprocessing):
        steps = described(target.pipeline)
        always.append(f"images were prepared as assumed ({steps}): state how the network is fed (--preprocessing)")
    always += filter(None, (images.caution, target.assumption))
    if target.network.precision == "int8" and backends.get(target.network.backend).saturates_int8():
        always.append(SATURATES)
    return Remarks(tuple(always), seen, calibration_count, str(images.whole.shard) if images.whole else "")


def result_of(one: Predictions, images: ImageSet, remarks: Remarks, run_directory: Path) -> AccuracyResult:
    """The result, with the remarks as its warnings; a reason if no image could be read."""
    facts = AccuracyResult(
        images=images.name,
        images_digest=images.digest,
        classes_count=one.target.known_classes,
        predictions=one.path.relative_to(run_directory).as_posix(),
        preprocessing=described(one.target.pipeline),
        pixels_by=one.pixels_by,
        computed_in=one.target.computed_in,
        evaluated_at=_modified(one.path),
    )
    return with_counts(facts, read_predictions(one.path), remarks)


def with_counts(facts: AccuracyResult, table: PredictionTable, remarks: Remarks) -> AccuracyResult:
    """The result of predictions.

    Args:
        facts: what is known about them before they are counted.
        table: the predictions.
        remarks: what is to be said about them.
    """
    readable = int(table.readable.sum())
    if not readable:
        reason = f"none of the {len(table.readable):,} images can be read"
        return AccuracyResult(facts.images, facts.images_digest, reason=reason)
    covered = len(np.unique(table.labels[table.readable]))
    return dataclasses.replace(
        facts,
        images_count=readable,
        unreadable_count=len(table.readable) - readable,
        classes_covered_count=covered,
        top1_correct_count=int(table.right(1).sum()),
        top5_correct_count=None if table.guesses_all_classes else int(table.right(5).sum()),
        warnings=sentences(remarks.notes(covered, facts.classes_count or 0)),
    )


def _modified(path: Path) -> str:
    """Time when a file was written, UTC, ISO 8601."""
    stamp = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc)
    return stamp.isoformat(timespec="seconds")
