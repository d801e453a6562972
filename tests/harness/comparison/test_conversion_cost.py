"""The cost of a conversion, from pairs that are given."""

from __future__ import annotations

import dataclasses
import math

import pytest

from foundation.vocabulary import FUSED
from harness.comparison.conversion_cost import SAME_FILE, Converted, CostRatio, costs_of
from harness.comparison.pair import PairResult
from harness.comparison.shared_pairings import measured_as
from harness.records.series import Series


def pair(ratio: float, base_ms: float = 2.0, contaminated: bool = False) -> PairResult:
    return PairResult("ok", "", math.log(ratio), base_ms, base_ms * ratio, 0.1, contaminated)


def series(model: str, sha256: str) -> Series:
    return Series(
        model, model.split("/")[0], model.split("/")[1], "onnxruntime", "fp32", 1,
        artifact_path=f"{sha256}.onnx", artifact_sha256=sha256,
    )  # fmt: skip


def converted(model: str, native: str, fused: str, framework: str = "pytorch") -> Converted:
    rules = {"hard_swish": 3} if native != fused else {}
    return Converted(series(model, native), dataclasses.replace(series(model, fused), graph=FUSED), rules, framework)


def test_a_ratio_is_the_median_with_its_interval() -> None:
    found = CostRatio.of([pair(0.5), pair(0.55, 2.2, contaminated=True), pair(0.6, 1.8)])
    assert found.median == pytest.approx(0.55)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < 0.6 < found.high
    assert (found.pairs_count, found.disturbed_count, found.native_ms, found.reason) == (3, 1, 2.0, "")
    assert CostRatio.of([pair(0.5)]).low is None


def test_a_pair_that_failed_leaves_its_reason() -> None:
    found = CostRatio.of([pair(0.5), PairResult("unsupported", "no such operator")])
    assert (found.median, found.reason) == (None, "unsupported: no such operator")
    assert CostRatio.of([]).reason == "no pair was measured"


def test_the_exported_graph_is_the_base_of_both() -> None:
    one = converted("a/x", "n", "f")
    fused, framework = one.fused_pairing(), one.framework_pairing()
    assert fused is not None
    assert framework is not None
    assert (fused.base.sha256, fused.new.sha256, fused.new.graph) == ("n", "f", FUSED)
    assert (framework.base.backend, framework.new.backend) == ("", "pytorch")
    assert framework.base.sha256 == framework.new.sha256 == "n"


def test_where_nothing_is_fused_there_is_nothing_to_measure() -> None:
    one = converted("a/x", "n", "n")
    assert one.fused_pairing() is None
    framework = one.framework_pairing()
    assert framework is not None
    (cost,) = costs_of([one], {}, {framework: [pair(3.0)]}, measured_as([framework]))
    assert cost.fused == SAME_FILE
    assert cost.framework is not None
    assert cost.native_ms == cost.framework.native_ms == 2.0


def test_models_with_the_same_artifacts_show_the_same_pairs() -> None:
    models = [converted("a/x", "n", "f"), converted("a/y", "n", "f")]
    pairings = [pairing for one in models for pairing in (one.fused_pairing(), one.framework_pairing()) if pairing]
    shared = measured_as(pairings)
    measured = {pairing: [pair(0.5), pair(0.6)] for pairing in dict.fromkeys(shared.values())}
    assert len(measured) == 2
    first, second = costs_of(models, measured, measured, shared)
    assert (first.measured_as, second.measured_as) == ("", "a/x")
    assert first.fused == second.fused


def test_a_failed_conversion_is_a_cost_without_figures() -> None:
    failed = dataclasses.replace(
        series("a/x", ""), artifact_path="", artifact_sha256="", status="failed", reason="it does not export"
    )
    one = Converted(failed, dataclasses.replace(failed, graph=FUSED), {}, "")
    assert one.fused_pairing() is one.framework_pairing() is None
    (cost,) = costs_of([one], {}, {}, {})
    assert (cost.native_ms, cost.fused, cost.framework) == (None, None, None)
    assert cost.failures.startswith("native graph: failed: it does not export; fused graph: failed")
