"""Series over time, in pieces that may be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import HistoryError
from harness.history.change_points import ChangeRules
from harness.history.store import HistoryStore
from harness.history.timeline import matching, timelines
from tests.harness.history.conftest import read_record

Add = Callable[..., None]
RULES = ChangeRules()
MODELS = ["fbnet/fbnet_a", "ofa/note8", "regnet/RegNetX-200MF"]
OTHER = {"environment_id": "ba9876543210", "environment": {"onnxruntime_version": "1.31.0", "threads": 2}}


@pytest.fixture
def store(store_path: Path):
    with HistoryStore.open(store_path, create=True) as opened:
        yield opened


@pytest.fixture
def add(store: HistoryStore, make_run, make_recorded_row) -> Add:
    """Adds runs of one series on consecutive days, three trials each, at the levels given."""
    generator = np.random.default_rng(0)

    def add_runs(first_day: int, levels: list[float], **facts: Any) -> None:
        for day, level in enumerate(levels, first_day):
            ratios = level * np.exp(generator.normal(0, 0.008, 3))
            store.add(read_record(make_run(day, make_recorded_row("ofa/a", list(ratios)), **facts)), f"c{day}")

    return add_runs


def test_a_step_is_found_at_its_run(store: HistoryStore, add: Add) -> None:
    add(0, [1.0] * 12 + [1.05] * 8)
    [timeline] = timelines(store, ["ofa/a"], RULES)
    [era] = timeline.eras
    assert era.figure == "ratio"
    [(index, change)] = era.changes_by_point().items()
    assert era.points[index].label == "c12"
    assert change.percent == pytest.approx(5, abs=1)
    assert [len(points) for points, _ in era.levels()] == [12, 8]
    assert [level for _, level in era.levels()] == pytest.approx([1.0, 1.05], rel=0.01)


def test_an_environment_is_a_break_and_not_a_change(store: HistoryStore, add: Add) -> None:
    add(0, [1.0] * 10)
    add(10, [1.3] * 10, **OTHER)
    [timeline] = timelines(store, ["ofa/a"], RULES)
    assert [(era.environment_id, len(era.points), era.changes) for era in timeline.eras] == [
        ("0123456789ab", 10, ()),
        ("ba9876543210", 10, ()),
    ]
    assert timeline.eras[1].differences == ("onnxruntime_version was 1.30.0, is 1.31.0",)


def test_machines_that_take_turns_keep_their_own_series(store: HistoryStore, add: Add) -> None:
    for day in range(0, 40, 2):
        add(day, [1.0 if day < 20 else 1.06])
        add(day + 1, [1.4], **OTHER)
    [timeline] = timelines(store, ["ofa/a"], RULES)
    assert [len(era.points) for era in timeline.eras] == [20, 20]
    assert [[one.position for one in era.changes] for era in timeline.eras] == [[10], []]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"reference_sha256": "00"}, "reference was ef, is 00"),
        ({"settings": {"timing": {"block_ms": 80.0}, "gpu": None}}, "timing.block_ms was 40.0, is 80.0"),
    ],
)
def test_another_reference_or_timing_is_a_break_too(store: HistoryStore, add: Add, facts, told: str) -> None:
    add(0, [1.0] * 2)
    add(2, [1.2] * 2, **facts)
    [timeline] = timelines(store, ["ofa/a"], RULES)
    assert [era.differences for era in timeline.eras] == [(), (told,)]


def test_other_values_of_the_inputs_are_a_break_too(store: HistoryStore, make_run, make_recorded_row) -> None:
    for day, inputs in enumerate(("0:1", "0:1", "0:255")):
        row = make_recorded_row("ofa/a", [1.0, 1.01, 0.99], inputs=inputs)
        store.add(read_record(make_run(day, row)), f"c{day}")
    [timeline] = timelines(store, ["ofa/a"], RULES)
    assert [len(era.points) for era in timeline.eras] == [2, 1]
    assert timeline.eras[1].differences == ("inputs was 0:1, is 0:255",)


def test_a_failed_run_stays_in_the_series_and_out_of_the_changes(
    store: HistoryStore, add: Add, make_run, make_recorded_row
) -> None:
    add(0, [1.0] * 10)
    failed = make_recorded_row("ofa/a", [], status="timeout", reason="300 s")
    store.add(read_record(make_run(10, failed, make_recorded_row("ofa/b", [1.0]))))
    add(11, [1.06] * 10)
    [timeline] = timelines(store, ["ofa/a"], RULES)
    [era] = timeline.eras
    assert (era.points[10].status, era.points[10].latency_ms) == ("timeout", None)
    # Position 10 among the runs that are ok is the one after the failed run.
    assert list(era.changes_by_point()) == [11]


def test_only_the_newest_runs_are_looked_at_where_asked(store: HistoryStore, add: Add) -> None:
    add(0, [1.0] * 10 + [1.1] * 10)
    [timeline] = timelines(store, ["ofa/a"], RULES, last=10)
    [era] = timeline.eras
    assert [point.label for point in era.points] == [f"c{day}" for day in range(10, 20)]
    assert era.changes == ()


def test_precisions_and_batches_are_series_of_their_own(store: HistoryStore, make_run, make_recorded_row) -> None:
    rows = [make_recorded_row("ofa/a", [1.0], precision=precision) for precision in ("fp16", "fp32")]
    store.add(read_record(make_run(0, *rows, make_recorded_row("ofa/a", [1.0], batch=8))))
    assert [str(one.key) for one in timelines(store, ["ofa/a"], RULES)] == [
        "ofa/a (onnxruntime, fp16)",
        "ofa/a (onnxruntime, fp32)",
        "ofa/a (onnxruntime, fp32, batch 8)",
    ]


def test_a_single_trial_has_no_interval(store: HistoryStore, make_run, make_recorded_row) -> None:
    store.add(read_record(make_run(0, make_recorded_row("ofa/a", [1.25]))))
    [timeline] = timelines(store, ["all"], RULES)
    [point] = timeline.eras[0].points
    assert (point.latency_ms, point.ratio, point.ratio_low, point.ratio_high) == (5.0, 1.25, None, None)


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["all"], MODELS),
        (["OFA"], ["ofa/note8"]),
        (["regnetx-200mf"], ["regnet/RegNetX-200MF"]),
        (["*fbnet*", "ofa/note8"], ["fbnet/fbnet_a", "ofa/note8"]),
        (["ofa, regnet"], ["ofa/note8", "regnet/RegNetX-200MF"]),
    ],
)
def test_models_are_selected_as_elsewhere(patterns: list[str], found: list[str]) -> None:
    assert matching(MODELS, patterns) == found


@pytest.mark.parametrize("pattern", ["fbnet_b", "fbnet/fbnett_a", "net_a"])
def test_an_unknown_model_is_reported_with_its_nearest(pattern: str) -> None:
    with pytest.raises(HistoryError, match=f"unknown model '{pattern}' in this history; nearest: fbnet/fbnet_a"):
        matching(MODELS, [pattern])


def test_a_model_unlike_any_is_reported() -> None:
    with pytest.raises(HistoryError, match="none is near it"):
        matching(MODELS, ["zzzzzz"])
