"""Effects of a precision and of an exporter, from pairs of rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reports.effects import effects, summarised
from reports.pairs import exporter_name, pairs

DYNAMO, TORCHSCRIPT = "torch.onnx.export dynamo 2.14.1", "torch.onnx.export torchscript 2.14.1"


def _row(precision: str = "fp32", exporter: str = DYNAMO, **values: Any) -> dict[str, Any]:
    return {
        "environment_id": "e1", "latency_kind": "gpu_compute", "backend": "tensorrt", "batch": 1, "model": "a/x",
        "source": "a", "weights": "probe", "precision": precision, "graph": "native", "exporter": exporter,
        "reference_sha256": "r", "latency_median_ms": 4.0, "latency_low_ms": 3.9, "latency_high_ms": 4.1,
        "ratio_to_reference": 2.0,
        "verification_relative_l2": 1e-6, "accuracy_measured_top1_percent": None,
        "accuracy_images_digest": "i", "accuracy_preprocessing": "p", "measured_as": "", **values,
    }  # fmt: skip


def test_the_exporter_is_named_without_its_version() -> None:
    assert exporter_name(DYNAMO) == "torch.onnx.export dynamo"
    assert exporter_name("tf2onnx 1.17.0") == "tf2onnx"
    assert exporter_name("an exporter of mine") == "an exporter of mine"
    assert exporter_name("") == ""


def test_a_precision_is_compared_with_the_most_exact_one_there_is() -> None:
    rows = [_row("int8"), _row("fp16"), _row("fp32")]
    found = [(base["precision"], other["precision"]) for base, other in pairs(rows, "precision", ("model",))]
    assert found == [("fp32", "fp16"), ("fp32", "int8")]


def test_the_speed_up_the_error_and_the_accuracy_of_a_precision() -> None:
    single = _row(accuracy_measured_top1_percent=75.0)
    half = _row(
        "fp16", latency_median_ms=2.0, latency_low_ms=1.9, latency_high_ms=2.1, ratio_to_reference=0.8,
        verification_relative_l2=2e-3, accuracy_measured_top1_percent=74.8,
    )  # fmt: skip
    (effect,) = effects([half, single], "precision")
    assert (effect.base, effect.other, effect.fixed) == ("fp32", "fp16", "torch.onnx.export dynamo")
    assert effect.speedup == pytest.approx(2.0)
    assert effect.speedup_by_ratio == pytest.approx(2.5)
    assert effect.told_apart is True
    assert (effect.base_error, effect.other_error) == (1e-6, 2e-3)
    assert effect.accuracy_change_percent == pytest.approx(-0.2)


def test_overlapping_intervals_are_not_distinguished_and_missing_ones_say_nothing() -> None:
    overlapping = _row("fp16", latency_low_ms=4.05, latency_high_ms=4.5)
    assert effects([_row(), overlapping], "precision")[0].told_apart is False
    assert effects([_row(), {**overlapping, "latency_low_ms": None}], "precision")[0].told_apart is None


def test_a_placement_of_int8_is_compared_with_the_usual_one_of_its_backend() -> None:
    rows = [
        _row("int8", backend=backend, int8_scheme=scheme, latency_median_ms=latency_ms)
        for backend, times_ms in (("onnxruntime", (6.0, 2.0)), ("openvino", (1.0, 3.0)))
        for scheme, latency_ms in zip(("tensorrt", "onnxruntime"), times_ms, strict=True)
    ]
    found = [(one.backend, one.base, one.other, one.base_ms, one.other_ms) for one in effects(rows, "int8_scheme")]
    assert found == [
        ("onnxruntime", "onnxruntime", "tensorrt", 2.0, 6.0),
        ("openvino", "tensorrt", "onnxruntime", 1.0, 3.0),
    ]


def test_without_a_common_reference_there_is_no_speed_up_by_ratio() -> None:
    assert effects([_row(), _row("fp16", reference_sha256="s")], "precision")[0].speedup_by_ratio is None
    assert effects([_row(), _row("fp16", ratio_to_reference=None)], "precision")[0].speedup_by_ratio is None


@pytest.mark.parametrize(
    "change", [{"environment_id": "e2"}, {"batch": 8}, {"backend": "b"}, {"model": "a/y"}, {"exporter": "t 1"}]
)
def test_only_rows_that_agree_in_everything_else_are_paired(change: dict[str, Any]) -> None:
    assert effects([_row(), {**_row("fp16"), **change}], "precision") == []


def test_an_exporters_effect_within_one_precision() -> None:
    rows = [_row(), _row(exporter=TORCHSCRIPT, latency_median_ms=5.0), _row("fp16")]
    (effect,) = effects(rows, "exporter")
    assert (effect.base, effect.other) == ("torch.onnx.export dynamo", "torch.onnx.export torchscript")
    assert (effect.fixed, effect.speedup) == ("fp32", pytest.approx(0.8))


def test_a_summary_has_the_geometric_mean_by_source() -> None:
    rows = []
    for model, ratio in (("a/x", 1.0), ("a/y", 0.25), ("b/z", 1.9)):
        named = {"model": model, "source": model[0]}
        rows += [_row(**named), _row("fp16", ratio_to_reference=ratio, verification_relative_l2=ratio / 1000, **named)]
    first, second = summarised(effects(rows, "precision"))
    assert (first.source, first.count, second.source, second.count) == ("a", 2, "b", 1)
    assert first.mean_speedup == pytest.approx(math.sqrt(2.0 * 8.0))
    assert (first.least_speedup, first.largest_speedup) == (pytest.approx(2.0), pytest.approx(8.0))
    assert first.largest_error == pytest.approx(1e-3)


@pytest.mark.parametrize("condition", ["accuracy_images_digest", "accuracy_preprocessing"])
def test_accuracies_of_other_images_or_another_preprocessing_are_not_subtracted(condition: str) -> None:
    rows = [_row(accuracy_measured_top1_percent=75.0), _row("int8", accuracy_measured_top1_percent=85.0)]
    assert effects(rows, "precision")[0].accuracy_change_percent == pytest.approx(10.0)
    rows[1][condition] = "another"
    assert effects(rows, "precision")[0].accuracy_change_percent is None


def test_models_that_share_both_artifacts_count_once_in_the_summary() -> None:
    rows = [
        row
        for model, measured_as in (("a/x", ""), ("a/x.tag", "a/x"))
        for row in (
            _row(model=model, measured_as=measured_as),
            _row("fp16", model=model, measured_as=measured_as, latency_median_ms=2.0, ratio_to_reference=1.0),
        )
    ]
    found = effects(rows, "precision")
    assert [(one.model, one.shared) for one in found] == [("a/x", False), ("a/x.tag", True)]
    (summary,) = summarised(found)
    assert (summary.count, summary.mean_speedup) == (1, pytest.approx(2.0))
