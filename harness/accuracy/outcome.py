"""The result of a series that has seen every image, with what a reader of it should know."""

from __future__ import annotations

import datetime
from pathlib import Path

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


def covered_classes(table: PredictionTable) -> int:
    """Number of classes that the readable images have."""
    return len(np.unique(table.labels[table.readable]))


def notes_on(one: Predictions, images: ImageSet, seen: int, calibration_count: int) -> list[str]:
    """What a reader of the accuracy should know.

    Args:
        one: the predictions of every image.
        images: the data set.
        seen: how many of the images that the network was calibrated on are among those evaluated.
        calibration_count: how many it was calibrated on.
    """
    target: EvaluationTarget = one.target
    notes = []
    if is_assumed(target.preprocessing):
        steps = described(target.pipeline)
        notes.append(f"images were prepared as assumed ({steps}): state how the network is fed (--preprocessing)")
    covered = covered_classes(read_predictions(one.path))
    if 0 < covered < target.known_classes:
        notes.append(
            f"the images cover {covered:,} of its {target.known_classes:,} classes, so that the accuracy is not "
            "comparable with one of all classes"
        )
    notes += filter(None, (images.caution, target.assumption))
    if target.network.precision == "int8" and backends.get(target.network.backend).saturates_int8():
        notes.append(SATURATES)
    if seen:
        notes.append(f"{seen:,} of the {calibration_count:,} calibration images are among those evaluated")
    return notes


def result_of(one: Predictions, images: ImageSet, notes: list[str], run_directory: Path) -> AccuracyResult:
    """The result, with `notes` as its warnings; a reason if no image could be read."""
    table = read_predictions(one.path)
    readable = int(table.readable.sum())
    if not readable:
        reason = f"none of the {len(images.items):,} images can be read"
        return AccuracyResult(images.name, images.digest, reason=reason)
    return AccuracyResult(
        images=images.name,
        images_digest=images.digest,
        images_count=readable,
        unreadable_count=len(table.readable) - readable,
        classes_count=one.target.known_classes,
        classes_covered_count=covered_classes(table),
        top1_correct_count=int(table.right(1).sum()),
        top5_correct_count=None if table.guesses_all_classes else int(table.right(5).sum()),
        predictions=one.path.relative_to(run_directory).as_posix(),
        preprocessing=described(one.target.pipeline),
        pixels_by=one.pixels_by,
        computed_in=one.target.computed_in,
        evaluated_at=_modified(one.path),
        warnings=sentences(notes),
    )


def _modified(path: Path) -> str:
    """Time when a file was written, UTC, ISO 8601."""
    stamp = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc)
    return stamp.isoformat(timespec="seconds")
