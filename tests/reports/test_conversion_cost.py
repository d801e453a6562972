"""The table of what conversion costs, from costs that are given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas
import pytest

from foundation.vocabulary import FUSED
from harness.comparison.conversion_cost import SAME_FILE, Converted, Cost, CostRatio
from harness.machine.environment import collect
from harness.records.series import Series
from reports.cautions import DISTURBED_MARK
from reports.conversion_cost import CSV_NAME, REPORT_NAME, cost_table, render, write_costs

ENVIRONMENT = collect(threads=1)


def ratio(value: float, native_ms: float) -> CostRatio:
    return CostRatio(value, 0.9 * value, 1.1 * value, 3, 0, native_ms)


def cost(
    model: str, native_ms: float, accuracy: float, fused: float | None = None, framework: float = 3.0, shared: str = ""
) -> Cost:
    native = Series(
        model, "a", model.split("/")[1], "onnxruntime", "fp32", 1, classes=1000,
        accuracy_published_top1_percent=accuracy, weights="probe", artifact_path="n.onnx", artifact_sha256="n",
    )  # fmt: skip
    rules = {} if fused is None else {"hard_swish": 3, "means": 1}
    both = Converted(native, dataclasses.replace(native, graph=FUSED), rules, "pytorch")
    measured = SAME_FILE if fused is None else ratio(fused, native_ms)
    return Cost(both, measured, ratio(framework, native_ms), shared)


# Fused, y becomes faster than x and z, and leaves x behind the frontier.
COSTS = [
    cost("a/x", 2.0, 75.0),
    cost("a/y", 3.0, 76.0, fused=0.5, framework=2.0),
    cost("a/z", 1.0, 70.0),
    cost("a/y2", 3.0, 76.0, fused=0.5, framework=2.0, shared="a/y"),
]


def test_ranks_and_frontiers_of_each_form() -> None:
    frame = cost_table(COSTS, ENVIRONMENT).set_index("model")
    assert frame.loc[["a/x", "a/y", "a/z"], "native_rank"].to_list() == [2, 3, 1]
    assert frame.loc[["a/x", "a/y", "a/z"], "fused_rank"].to_list() == [4, 2, 1]
    assert frame.loc["a/x", ["native_frontier", "fused_frontier"]].to_list() == [True, False]
    assert frame.loc["a/x", "fused_pairs_count"] == 0
    assert frame.loc["a/y", "fusion"] == "hard_swish 3, means 1"


def test_a_form_that_was_not_measured_has_no_ranks() -> None:
    frame = cost_table([dataclasses.replace(one, framework=None) for one in COSTS], ENVIRONMENT)
    assert frame["framework_rank"].isna().all()
    # A network with nothing to fuse was not measured at all then.
    assert frame["fused_rank"].notna().to_list() == [False, True, False, True]
    assert "native and framework" not in render(frame)


def test_the_report_names_what_changes() -> None:
    text = render(cost_table(COSTS, ENVIRONMENT))
    assert "| networks measured | 3 |" in text
    assert "| of them with something to fuse | 1 |" in text
    assert "| largest gain | `a/y`, 0.500 |" in text
    assert "| on the frontier of native only, beside fused | `a/x` |" in text
    assert "| slower than 1.02 by fusing | none |" in text
    assert "`a/y2` (as `a/y`)" in text


def test_a_graph_that_fusing_slows_down_is_named() -> None:
    assert "| slower than 1.02 by fusing | `a/y` |" in render(cost_table([cost("a/y", 3.0, 76.0, 1.1)], ENVIRONMENT))


def test_a_disturbed_ratio_is_marked() -> None:
    disturbed = dataclasses.replace(ratio(0.5, 3.0), disturbed_count=2)
    text = render(cost_table([dataclasses.replace(COSTS[1], fused=disturbed)], ENVIRONMENT))
    assert f"| 0.500 {DISTURBED_MARK} |" in text
    assert f"{DISTURBED_MARK} |" not in render(cost_table(COSTS, ENVIRONMENT))


def test_a_model_without_figures_keeps_its_reason() -> None:
    failed = dataclasses.replace(COSTS[0].converted.native, status="failed", reason="it does not export")
    one = Cost(Converted(failed, failed, {}, ""), None, None)
    text = render(cost_table([*COSTS, one], ENVIRONMENT))
    assert "| `a/x` | native graph: failed: it does not export |" in text
    assert "# What conversion costs" in render(cost_table([one], ENVIRONMENT))


def test_the_files_are_read_back(tmp_path: Path) -> None:
    assert write_costs(tmp_path / "out", COSTS, ENVIRONMENT) == [tmp_path / "out" / n for n in (CSV_NAME, REPORT_NAME)]
    frame = pandas.read_csv(tmp_path / "out" / CSV_NAME)
    assert frame["fused_over_native"].to_list() == pytest.approx([1.0, 0.5, 1.0, 0.5])
    assert frame.loc[1, "native_ms"] == 3.0
