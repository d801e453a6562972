"""Run directories read together, and the errors for those that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import StorageError
from harness.records.directory import SERIES_NAME
from reports.errors import ReportError
from reports.runs import load_runs
from tests.fakes.published import stated

MakeRun = Callable[..., Path]


def _row(
    model: str, latency_ms: float, measured_at: str = "2026-01-31T12:00:00+00:00", **values: Any
) -> dict[str, Any]:
    return {
        "model": model,
        "artifact_sha256": "a" * 64,
        "latency_median_ms": latency_ms,
        "measured_at": measured_at,
        **values,
    }


def test_of_a_series_in_two_runs_of_one_environment_the_newest_row_counts(make_run: MakeRun) -> None:
    newer = make_run("newer", [_row("a/x", 4.0, "2026-02-02T12:00:00+00:00"), _row("a/z", 9.0)])
    older = make_run("older", [_row("a/x", 5.0), _row("a/y", 6.0)])
    runs = load_runs([newer, older])
    assert dict(zip(runs.rows["model"], runs.rows["latency_median_ms"], strict=True)) == {
        "a/x": 4.0,
        "a/z": 9.0,
        "a/y": 6.0,
    }
    (note,) = runs.notes
    assert "newer, older are from one environment (e1)" in note


def test_both_graphs_of_a_model_are_kept_where_they_are_one_file(make_run: MakeRun) -> None:
    both = [_row("a/x", 4.0, graph="native"), _row("a/x", 4.0, graph="fused", measured_as="a/x")]
    earlier = make_run("earlier", [_row("a/x", 5.0, "2026-01-01T12:00:00+00:00")])
    runs = load_runs([make_run("run", both), earlier])
    found = dict(zip(runs.rows["graph"], runs.rows["latency_median_ms"], strict=True))
    assert (found, len(runs.rows)) == ({"native": 4.0, "fused": 4.0}, 2)


def test_a_row_that_was_not_measured_yet_hides_none_that_was(make_run: MakeRun) -> None:
    first = make_run("first", [_row("a/x", 5.0)])
    second = make_run("second", [_row("a/x", 5.0, None, status="skipped", latency_median_ms=None)])
    runs = load_runs([first, second])
    assert runs.rows["status"].to_list() == ["ok"]


@pytest.mark.parametrize("accuracy_first", [False, True])
def test_accuracy_measured_in_another_run_joins_the_latency(make_run: MakeRun, accuracy_first: bool) -> None:
    figures = {
        "accuracy_measured_top1_percent": 75.0, "accuracy_images_count": 100, "accuracy_images_digest": "d",
        "accuracy_published_in_interval": "yes",
    }  # fmt: skip
    latency = make_run("latency", [_row("a/x", 5.0), _row("a/y", 6.0, accuracy_measured_reason="why")])
    unmeasured = {"status": "skipped", "latency_median_ms": None, "measured_at": None}
    accuracy = make_run("accuracy", [{**_row(name, 0.0), **unmeasured, **figures} for name in ("a/x", "a/y")])
    (first, second) = load_runs([accuracy, latency] if accuracy_first else [latency, accuracy]).rows.to_dict("records")
    for row, latency_ms in ((first, 5.0), (second, 6.0)):
        assert (row["status"], row["latency_median_ms"]) == ("ok", latency_ms)
        assert {name: row[name] for name in figures} == figures
        assert row["accuracy_measured_reason"] == ""


def test_an_accuracy_from_another_run_takes_no_fact_of_the_release_with_it(make_run: MakeRun) -> None:
    """As from a run of schema version 3, which knows no training data."""
    stated = {"accuracy_published_training_data": "ImageNet-1k", "accuracy_published_teacher": "a teacher"}
    older = make_run("older", [_row("a/x", 5.0, accuracy_measured_top1_percent=70.0, accuracy_pixels_by="Pillow 12")])
    newer = make_run("newer", [_row("a/x", 4.0, "2026-02-02T12:00:00+00:00", **stated)])
    (row,) = load_runs([older, newer]).rows.to_dict("records")
    assert (row["accuracy_measured_top1_percent"], row["accuracy_pixels_by"]) == (70.0, "Pillow 12")
    assert {name: row[name] for name in stated} == stated


def test_the_newest_row_keeps_its_own_accuracy_and_another_artifact_lends_none(make_run: MakeRun) -> None:
    older = make_run("older", [_row("a/x", 5.0, accuracy_measured_top1_percent=70.0)])
    newer = [
        _row("a/x", 4.0, "2026-02-02T12:00:00+00:00", accuracy_measured_top1_percent=71.0),
        _row("a/x", 4.0, artifact_sha256="b" * 64),
    ]
    accuracies = load_runs([older, make_run("newer", newer)]).rows["accuracy_measured_top1_percent"]
    assert accuracies.fillna(0).to_list() == [71.0, 0]


@pytest.mark.parametrize(
    "change", [{"artifact_sha256": "b" * 64}, {"precision": "fp16"}, {"batch": 8}, {"backend": "other"}]
)
def test_another_artifact_precision_batch_or_backend_is_another_series(
    make_run: MakeRun, change: dict[str, Any]
) -> None:
    runs = load_runs([make_run("one", [_row("a/x", 5.0)]), make_run("two", [{**_row("a/x", 4.0), **change}])])
    assert len(runs.rows) == 2


def test_different_environments_are_kept_apart_and_nothing_is_said(make_run: MakeRun) -> None:
    runs = load_runs([make_run("one", [_row("a/x", 5.0)]), make_run("two", [_row("a/x", 4.0)], environment_id="e2")])
    assert runs.rows["environment_id"].to_list() == ["e1", "e2"]
    assert runs.notes == ()


def test_merged_runs_of_different_settings_are_noted(make_run: MakeRun) -> None:
    one = make_run("one", [_row("a/x", 5.0)], settings={"timing": {"block_ms": 40.0}})
    two = make_run("two", [_row("a/y", 5.0)], settings={"timing": {"block_ms": 80.0}})
    assert "different settings: timing" in load_runs([one, two]).notes[0]


def test_the_same_directory_twice_is_one_run(make_run: MakeRun) -> None:
    run = make_run("one", [_row("a/x", 5.0)])
    runs = load_runs([run, run / ".." / "one"])
    assert len(runs.members) == 1
    assert runs.notes == ()


def test_a_directory_that_is_not_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="is not a run directory"):
        load_runs([tmp_path])


def test_a_run_without_a_table_says_that_nothing_is_measured(make_run: MakeRun) -> None:
    run = make_run("one", [])
    with pytest.raises(ReportError, match="Nothing is measured yet"):
        load_runs([run])
    (run / "results.csv").unlink()
    with pytest.raises(ReportError, match="nothing is measured yet"):
        load_runs([run])


def test_a_run_with_only_skipped_rows_has_measured_nothing(make_run: MakeRun) -> None:
    with pytest.raises(ReportError, match="Nothing is measured yet"):
        load_runs([make_run("one", [{"model": "a/x", "status": "skipped"}])])


def test_a_run_with_only_failures_can_be_reported(make_run: MakeRun) -> None:
    runs = load_runs([make_run("one", [{"model": "a/x", "status": "failed", "reason": "no memory"}])])
    assert runs.rows["reason"].to_list() == ["no memory"]


@pytest.mark.parametrize("latency", ["", "0", "-3", "inf"])
def test_an_ok_row_without_a_possible_latency_is_refused_with_its_line(make_run: MakeRun, latency: str) -> None:
    run = make_run("one", [_row("a/w", 1.25), _row("a/x", 7.625)])
    table = run / "results.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("7.625", latency), encoding="utf-8")
    with pytest.raises(ReportError, match=r"results\.csv:3: a/x is ok, but its latency_median_ms is"):
        load_runs([run])


def test_another_schema_version_is_refused(make_run: MakeRun) -> None:
    run = make_run("one", [_row("a/x", 5.0, schema_version=1)])
    with pytest.raises(StorageError, match="schema version 1"):
        load_runs([run])


def test_run_json_of_another_schema_version_is_refused(make_run: MakeRun) -> None:
    run = make_run("one", [_row("a/x", 5.0)])
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps({**facts, "schema_version": 1}), encoding="utf-8")
    with pytest.raises(Exception, match="schema version 1"):
        load_runs([run])


def test_what_the_releases_state_comes_from_the_series_of_all_runs(make_run: MakeRun) -> None:
    first, second, older = (make_run(name, [_row("s/a", 4.0)]) for name in ("first", "second", "older"))
    phone = stated("a phone", {"a": 5.0, "b": 6.0})
    plain = stated("a phone", {"c": None})
    for directory, series in ((first, [phone["s/a"], plain["s/c"]]), (second, [phone["s/b"]])):
        (directory / SERIES_NAME).write_text(json.dumps([one.to_json() for one in series]))
    assert load_runs([first, second, older]).stated == phone
