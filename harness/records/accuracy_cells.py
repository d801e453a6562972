"""The cells of results.csv that an evaluation fills."""

from __future__ import annotations

from typing import Any

from harness.records.accuracy_result import AccuracyResult
from harness.stats.proportions import wilson_interval


def accuracy_cells(result: AccuracyResult | None, published_top1_percent: float | None) -> dict[str, Any]:
    """The cells by column.

    Args:
        result: newest evaluation of the series; None if accuracy was not requested.
        published_top1_percent: accuracy the release states, if any.
    """
    if result is None:
        return {}
    if not result.measured:
        return {"accuracy_measured_reason": result.reason}
    top1 = _cells("top1", result.top1_correct_count, result.images_count)
    cells = {
        **top1,
        **_cells("top5", result.top5_correct_count, result.images_count),
        "accuracy_images_count": result.images_count,
        "accuracy_unreadable_count": result.unreadable_count,
        "accuracy_classes_covered_count": result.classes_covered_count,
        "accuracy_images_digest": result.images_digest,
        "accuracy_preprocessing": result.preprocessing,
        "accuracy_pixels_by": result.pixels_by,
        "accuracy_computed_in": result.computed_in,
    }
    if published_top1_percent is not None and result.covers_all_classes:
        measured, low, high = top1.values()
        cells["accuracy_difference_percent"] = measured - published_top1_percent
        cells["accuracy_published_in_interval"] = "yes" if low <= published_top1_percent <= high else "no"
    return cells


def _cells(which: str, correct: int | None, images: int | None) -> dict[str, float]:
    """The accuracy and both ends of its interval, in percent."""
    if correct is None or not images:
        return {}
    low, high = wilson_interval(correct, images)
    return {
        f"accuracy_measured_{which}_percent": 100 * correct / images,
        f"accuracy_measured_{which}_low_percent": 100 * low,
        f"accuracy_measured_{which}_high_percent": 100 * high,
    }
