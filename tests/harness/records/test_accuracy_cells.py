from __future__ import annotations

import dataclasses

import pytest

from harness.records.accuracy_cells import accuracy_cells
from harness.records.accuracy_result import AccuracyResult
from harness.records.schema import COLUMN_NAMES

RESULT = AccuracyResult(
    images="ImageNet", images_digest="d1", images_count=1000, unreadable_count=2, top1_correct_count=750,
    top5_correct_count=920,
)  # fmt: skip


def test_the_cells_of_a_measured_series():
    cells = accuracy_cells(RESULT, 77.0)
    assert cells["accuracy_measured_top1_percent"] == 75.0
    assert cells["accuracy_measured_top5_percent"] == 92.0
    assert cells["accuracy_measured_top1_low_percent"] == pytest.approx(72.224, abs=1e-3)
    assert cells["accuracy_measured_top1_high_percent"] == pytest.approx(77.585, abs=1e-3)
    assert (cells["accuracy_images_count"], cells["accuracy_unreadable_count"]) == (1000, 2)
    assert cells["accuracy_difference_percent"] == -2.0
    assert cells["accuracy_published_in_interval"] == "yes"
    assert "accuracy_measured_reason" not in cells
    assert set(cells) <= set(COLUMN_NAMES)


def test_a_published_figure_outside_of_the_interval():
    assert accuracy_cells(RESULT, 78.0)["accuracy_published_in_interval"] == "no"
    assert accuracy_cells(RESULT, 72.0)["accuracy_published_in_interval"] == "no"


def test_a_published_figure_of_all_classes_is_not_compared_with_one_of_some():
    some = dataclasses.replace(RESULT, classes_count=1000, classes_covered_count=200)
    cells = accuracy_cells(some, 77.0)
    assert not {name for name in cells if "published" in name or "difference" in name}
    assert (cells["accuracy_measured_top1_percent"], cells["accuracy_classes_covered_count"]) == (75.0, 200)
    every = dataclasses.replace(some, classes_covered_count=1000)
    assert accuracy_cells(every, 77.0)["accuracy_difference_percent"] == -2.0


def test_nothing_published_nothing_to_differ_from():
    assert not {name for name in accuracy_cells(RESULT, None) if "published" in name or "difference" in name}


def test_top5_of_five_classes_says_nothing():
    cells = accuracy_cells(dataclasses.replace(RESULT, top5_correct_count=None), None)
    assert not {name for name in cells if "top5" in name}


def test_a_reason_in_place_of_figures():
    assert accuracy_cells(AccuracyResult("i", "d", reason="why"), 77.0) == {"accuracy_measured_reason": "why"}
    assert accuracy_cells(None, 77.0) == {}


def test_a_result_survives_being_stored():
    assert AccuracyResult.from_json(RESULT.to_json()) == RESULT
