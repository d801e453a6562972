"""Rows built from a series and its trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, get_args

import pytest

from foundation.vocabulary import Status
from harness.machine.gpu.figures import GpuFigures
from harness.processes.trial import TrialResult
from harness.records import rows
from harness.records.absence import RowState
from harness.records.accuracy_result import AccuracyResult
from harness.records.rows import Row, RowError, RunFacts, build_row, checked_row
from harness.records.schema import COLUMN_NAMES, COLUMNS
from harness.records.series import Series
from harness.stats.trials import interval_over_trials
from tests.fakes.trials import GPU, ok_trial

RUN = RunFacts(environment_id="e1", device="a processor", threads=2, seed=7)
FACTS = Series(model="a/b", source="a", variant="b", backend="onnxruntime", precision="fp32", batch=4)
TRIAL = ok_trial(runtime="onnxruntime 1")
TIMEOUT = TrialResult(status="timeout", reason="longer than\n 120 s", started_at="2026-01-31T13:00:00+00:00")


NOTHING_TOLD: dict[str, Any] = {
    name: value
    for name, value in dataclasses.asdict(GPU).items()
    if name.endswith("median_ms") or name in ("cuda_graph", "queue_depth", "wait")
}
"""The figures of a GPU that only its timer measures: neither the device nor the runtime reports any other."""
WITH_ALL = RowState(2, 1, True, True, True, True, True, True)
"""State of a row in which nothing is unknown."""


def _with(**values: float | str) -> TrialResult:
    return dataclasses.replace(TRIAL, **values)


FULL = Series(
    model="a/b",
    source="a",
    variant="b",
    backend="tensorrt",
    precision="fp16",
    batch=1,
    resolution=224,
    classes=1000,
    parameters=5_000_000,
    macs=300_000_000,
    accuracy_published_top1_percent=75.0,
    accuracy_published_top5_percent=92.0,
    accuracy_published_source="README.md",
    accuracy_published_training_data="ImageNet-1k",
    accuracy_published_teacher="a/teacher",
    weights="released",
    weights_sha256="4" * 64,
    checkpoint_sha256="5" * 64,
    checkpoint_url="https://example.org/b.pth",
    implementation="own",
    artifact_path="b.onnx",
    artifact_sha256="6" * 64,
    artifact_mib=20.0,
    exporter="torch.onnx.export dynamo 2.14.1",
    opset=18,
    calibration="128 images of photos",
    inputs="images.npy",
    inputs_sha256="7" * 64,
    custom_operators="ops.so",
    custom_operators_sha256="8" * 64,
    conversion_s=3.0,
    verification_relative_l2=1e-6,
    warnings="Calibrated on generated images.",
)
"""A series with nothing unknown."""
ACCURACY = AccuracyResult(
    "ImageNet",
    "7" * 64,
    images_count=1000,
    unreadable_count=0,
    classes_count=1000,
    classes_covered_count=1000,
    top1_correct_count=750,
    top5_correct_count=920,
    preprocessing="squash to 224 (pil bilinear)",
    pixels_by="Pillow 13.0.0",
    computed_in="float32, each result rounded to float16",
)
GPU_TRIAL = ok_trial(
    latency_kind="gpu_compute", latency_p99_ms=13.0, cpu_energy_mj=400.0, module_energy_mj=500.0, gpu=GPU
)


def empty_cells(row: Row) -> set[str]:
    return {name for name, value in row.items() if value in (None, "")}


def test_a_row_has_every_column_in_order() -> None:
    assert tuple(build_row(FACTS, [TRIAL], RUN)) == COLUMN_NAMES
    assert tuple(build_row(FACTS, [], RUN)) == COLUMN_NAMES


def test_a_row_with_nothing_unknown_has_every_cell() -> None:
    row = build_row(FULL, [GPU_TRIAL, TIMEOUT, GPU_TRIAL], RUN, ACCURACY)
    assert empty_cells(row) == {"accuracy_measured_reason", "measured_as"}


def test_the_energy_is_the_median_of_the_trials_that_have_one() -> None:
    trials = [TRIAL, _with(cpu_energy_mj=30.0), _with(cpu_energy_mj=34.0)]
    row = build_row(FACTS, trials, RUN)
    assert (row["cpu_energy_mj"], row["module_energy_mj"]) == (32.0, None)
    assert build_row(FACTS, [_with(module_energy_mj=9.0)], RUN)["module_energy_mj"] == 9.0


def test_warnings_about_artifact_accuracy_and_trials_follow_one_another() -> None:
    evaluated = dataclasses.replace(ACCURACY, warnings="12 of the 128 calibration images are among those evaluated.")
    row = build_row(FULL, [GPU_TRIAL], RUN, evaluated)
    assert row["warnings"].startswith(f"{FULL.warnings} {evaluated.warnings}")
    assert build_row(FACTS, [TRIAL], RUN, evaluated)["warnings"] == evaluated.warnings
    assert build_row(FACTS, [TRIAL], RUN, ACCURACY)["warnings"] is None


NOT_EVALUATED = AccuracyResult("ImageNet", "7" * 64, reason="The weights are the probe's.")


@pytest.mark.parametrize("accuracy", [None, ACCURACY, NOT_EVALUATED])
@pytest.mark.parametrize("facts", [FULL, FACTS])
@pytest.mark.parametrize(
    "trials",
    [
        [],
        [TRIAL],
        [TRIAL, TRIAL],
        [GPU_TRIAL],
        [dataclasses.replace(TRIAL, gpu=GpuFigures(**NOTHING_TOLD))],
        [TIMEOUT],
        [TRIAL, TIMEOUT],
        *([TrialResult(status, "why", started_at=TIMEOUT.started_at)] for status in get_args(Status) if status != "ok"),
    ],
    ids=lambda trials: ",".join(trial.status + ("/gpu" if trial.gpu else "") for trial in trials) or "none",
)
def test_a_row_of_any_state_is_accepted(
    trials: list[TrialResult], facts: Series, accuracy: AccuracyResult | None
) -> None:
    row = build_row(facts, trials, RUN, accuracy)
    empty = empty_cells(row)
    if not any(trial.status == "ok" for trial in trials):
        never_measured = {column.name for column in COLUMNS if column.empty_text.startswith("status is not ok")}
        assert never_measured <= empty
        assert "reason" not in empty
    assert not empty & {column.name for column in COLUMNS if not column.empty_when}


@pytest.mark.parametrize("status", [status for status in get_args(Status) if status != "ok"])
def test_a_series_that_has_no_artifact_is_accepted_with_any_status(status: Status) -> None:
    facts = dataclasses.replace(FACTS, artifact_sha256="", artifact_path="", status=status, reason="why")
    row = build_row(facts, [], RUN)
    assert (row["status"], row["reason"]) == (status, "why")
    assert {"artifact_sha256", "artifact_path", "artifact_mib", "latency_median_ms"} <= empty_cells(row)


def _misspelt(source: Callable[..., Row], name: str) -> Callable[..., Row]:
    """The source of cells, with one cell under a name that no column has."""

    def cells(*arguments: Any) -> Row:
        found = source(*arguments)
        return {f"{name}_" if key == name else key: value for key, value in found.items()}

    return cells


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("_figures", "reference_median_ms"),
        ("_figures", "ratio_spread_percent"),
        ("_figures", "first_inference_ms"),
        ("_outcome", "reason"),
        ("_provenance", "run_seed"),
        ("gpu_cells", "gpu_power_w"),
        ("accuracy_cells", "accuracy_difference_percent"),
    ],
)
def test_a_misspelt_cell_is_refused(monkeypatch: pytest.MonkeyPatch, source: str, name: str) -> None:
    monkeypatch.setattr(rows, source, _misspelt(getattr(rows, source), name))
    with pytest.raises(RowError, match=f"a/b does not fit .*no column is named {name}_"):
        build_row(FULL, [GPU_TRIAL], RUN, ACCURACY)


@pytest.mark.parametrize("name", [column.name for column in COLUMNS if not column.may_be_empty(WITH_ALL)])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_cell_that_is_missing_is_refused(name: str, nothing: str | None) -> None:
    row = build_row(FULL, [GPU_TRIAL, TIMEOUT, GPU_TRIAL], RUN, ACCURACY)
    assert checked_row(row, WITH_ALL) == row
    with pytest.raises(RowError, match=f"{name} is empty"):
        checked_row({**row, name: nothing}, WITH_ALL)
    with pytest.raises(RowError, match=f"{name} is empty"):
        checked_row({key: value for key, value in row.items() if key != name}, WITH_ALL)


def test_what_only_the_data_decide_may_be_unknown() -> None:
    """A cell added here is no longer checked: look twice."""
    found = {column.name for column in COLUMNS if column.may_be_empty(WITH_ALL)}
    assert found == {
        "accuracy_published_top1_percent",
        "accuracy_published_top5_percent",
        "accuracy_published_source",
        "accuracy_published_training_data",
        "accuracy_published_teacher",
        "accuracy_measured_reason",
        "accuracy_preprocessing",
        "accuracy_pixels_by",
        "accuracy_computed_in",
        "inputs_sha256",
        "custom_operators_sha256",
        "accuracy_classes_covered_count",
        "weights",
        "latency_p99_ms",
        "ratio_spread_percent",
        "memory_peak_mib",
        "cpu_energy_mj",
        "module_energy_mj",
        *(column.name for column in COLUMNS if column.name.startswith("gpu_")),
        "engine_mib",
        "engine_build_s",
        "engine_sha256",
        "engine_portable",
        "engine_capabilities",
        "jit_s",
        "jit_cache",
        "warnings",
        "resolution",
        "classes",
        "parameters",
        "macs",
        "exporter",
        "opset",
        "calibration",
        "inputs",
        "custom_operators",
        "conversion_s",
        "verification_relative_l2",
        "threads",
        "weights_sha256",
        "checkpoint_sha256",
        "checkpoint_url",
        "implementation",
        "measured_as",
    }


def test_a_row_names_the_model_whose_trials_it_shows() -> None:
    assert build_row(FACTS, [TRIAL], RUN)["measured_as"] == ""
    assert build_row(FACTS, [TRIAL], RUN, measured_as="a/c")["measured_as"] == "a/c"
    assert build_row(FACTS, [TIMEOUT], RUN, measured_as="a/c")["measured_as"] == "a/c"
    assert build_row(FACTS, [], RUN, measured_as="a/c")["measured_as"] is None


def test_figures_are_medians_over_trials() -> None:
    trials = [
        _with(latency_median_ms=10.0, ratio=2.0, load_s=0.1),
        _with(latency_median_ms=14.0, ratio=2.2, load_s=0.5),
        _with(latency_median_ms=11.0, ratio=2.1, load_s=0.2),
    ]
    row = build_row(FACTS, trials, RUN)
    assert (row["latency_median_ms"], row["ratio_to_reference"], row["load_s"]) == (11.0, 2.1, 0.2)
    assert row["trials_count"] == 3
    assert (row["latency_low_ms"], row["latency_high_ms"]) == interval_over_trials([10.0, 14.0, 11.0])
    assert (row["ratio_low"], row["ratio_high"]) == interval_over_trials([2.0, 2.2, 2.1])


def test_throughput_is_the_batch_over_the_median() -> None:
    assert build_row(FACTS, [TRIAL], RUN)["throughput_images_per_s"] == pytest.approx(400.0)


def test_extremes_are_of_all_trials_and_counts_are_sums() -> None:
    trials = [_with(latency_min_ms=9.0, memory_peak_mib=200.0), _with(latency_min_ms=8.0, memory_peak_mib=190.0)]
    row = build_row(FACTS, trials, RUN)
    assert (row["latency_min_ms"], row["memory_peak_mib"]) == (8.0, 200.0)
    assert (row["samples_count"], row["blocks_count"], row["blocks_contaminated_count"]) == (200, 24, 2)


def test_one_trial_has_no_interval() -> None:
    row = build_row(FACTS, [TRIAL], RUN)
    assert [row[name] for name in ("latency_low_ms", "latency_high_ms", "ratio_low", "ratio_high")] == [None] * 4


def test_the_p99_is_over_the_trials_that_have_one() -> None:
    assert build_row(FACTS, [TRIAL, TRIAL], RUN)["latency_p99_ms"] is None
    assert build_row(FACTS, [TRIAL, _with(latency_p99_ms=15.0)], RUN)["latency_p99_ms"] == 15.0


def test_a_series_with_ok_and_failed_trials_is_ok_and_says_what_failed() -> None:
    failed = TrialResult(status="failed", reason="signal 11", started_at=TIMEOUT.started_at)
    row = build_row(FACTS, [TIMEOUT, TRIAL, failed], RUN)
    assert (row["status"], row["trials_count"], row["trials_failed_count"]) == ("ok", 1, 2)
    assert row["reason"] == "1 timeout, 1 failed of 3 trials; the newest: signal 11"
    assert row["latency_median_ms"] == 10.0
    assert row["runtime"] == "onnxruntime 1"


def test_a_series_whose_trials_all_failed_has_the_newest_status_and_no_figures() -> None:
    row = build_row(FACTS, [TrialResult(status="failed", reason="first"), TIMEOUT], RUN)
    assert (row["status"], row["reason"]) == ("timeout", "longer than 120 s")
    assert (row["trials_count"], row["trials_failed_count"]) == (0, 2)
    assert row["latency_median_ms"] is None
    assert row["measured_at"] == "2026-01-31T13:00:00+00:00"


def test_a_series_that_failed_before_any_trial_keeps_its_reason() -> None:
    facts = dataclasses.replace(FACTS, status="unsupported", reason="opset 23:\n  no kernel")
    row = build_row(facts, [], RUN)
    assert (row["status"], row["reason"]) == ("unsupported", "opset 23: no kernel")


def test_a_series_without_a_trial_yet_is_skipped() -> None:
    row = build_row(FACTS, [], RUN)
    assert (row["status"], row["trials_count"]) == ("skipped", 0)
    assert "not measured yet" in row["reason"]


def test_a_row_knows_its_run() -> None:
    row = build_row(FACTS, [TRIAL], RUN)
    assert [row[name] for name in ("environment_id", "device", "threads", "run_seed")] == [
        "e1",
        "a processor",
        2,
        7,
    ]
