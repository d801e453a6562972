from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from harness.comparison.gate import GateRules
from harness.comparison.verdict import (
    EXIT_CLEAN,
    EXIT_INCONCLUSIVE,
    EXIT_REGRESSED,
    Rules,
    RunRules,
    RunsComparison,
    compare_runs,
    exit_code,
    steady_trials,
)
from harness.errors import ComparisonError
from harness.records.reader import MeasuredSeries, SeriesKey

Run = dict[SeriesKey, MeasuredSeries]


def key(model: str) -> SeriesKey:
    return SeriesKey(model, "onnxruntime", "fp32", "1")


def series(model: str, ratios: Any, references_ms: Any = None, **changes: Any) -> MeasuredSeries:
    ratios = tuple(float(ratio) for ratio in ratios)
    references = tuple(references_ms or [4.0] * len(ratios))
    facts = {"status": "ok", "reason": "", "environment_id": "one", "device": "A processor", "latency_kind": "host"}
    latencies = tuple(4.0 * ratio for ratio in ratios)
    return MeasuredSeries(
        key(model), **{**facts, **changes}, latencies_ms=latencies, ratios=ratios, references_ms=references
    )


def run(*members: MeasuredSeries) -> Run:
    return {one.key: one for one in members}


def noisy(model: str, level: float, seed: int, trials: int = 6, sd: float = 0.01, **changes: Any) -> MeasuredSeries:
    return series(model, level * np.exp(np.random.default_rng(seed).normal(0, sd, trials)), **changes)


def verdicts(found: RunsComparison) -> dict[str, str]:
    return {one.key.model: one.verdict for one in found.series}


def test_each_verdict() -> None:
    names = ("equal", "slower", "faster", "broken")
    base = run(*(noisy(name, 1.0, seed, sd=0.004) for seed, name in enumerate(names)), noisy("gone", 1.0, 9))
    new = run(
        noisy("equal", 1.0, 10, sd=0.004),
        noisy("slower", 1.08, 11, sd=0.004),
        noisy("faster", 0.92, 12, sd=0.004),
        series("broken", [], status="failed", reason="no kernel"),
        noisy("added", 1.0, 13),
    )
    found = compare_runs(base, new, RunRules())
    assert verdicts(found) == {
        "equal": "same",
        "slower": "regressed",
        "faster": "improved",
        "broken": "not measured",
        "added": "not measured",
        "gone": "not measured",
    }
    reasons = {one.key.model: one.reason for one in found.series}
    assert reasons["broken"] == "candidate: failed: no kernel"
    assert reasons["added"] == "the baseline does not have it"
    assert reasons["gone"] == "the candidate does not have it"
    assert exit_code(list(verdicts(found).values())) == EXIT_REGRESSED


def test_wide_noise_is_inconclusive_and_says_what_could_be_seen() -> None:
    found = compare_runs(run(noisy("a", 1.0, 0, 3, 0.05)), run(noisy("a", 1.0, 1, 3, 0.05)), RunRules())
    assert verdicts(found) == {"a": "inconclusive"}
    assert found.series[0].smallest_detectable_percent is not None
    assert found.series[0].smallest_detectable_percent > 5
    assert exit_code(list(verdicts(found).values())) == EXIT_INCONCLUSIVE


def test_all_the_same_is_clean() -> None:
    found = compare_runs(run(noisy("a", 1.0, 0, 8, 0.005)), run(noisy("a", 1.0, 1, 8, 0.005)), RunRules())
    assert exit_code(list(verdicts(found).values())) == EXIT_CLEAN


def test_a_single_trial_says_nothing() -> None:
    found = compare_runs(run(series("a", [1.0])), run(series("a", [2.0])), RunRules())
    assert verdicts(found) == {"a": "not measured"}
    assert "single trial" in found.series[0].reason


def test_no_series_in_common_is_refused() -> None:
    with pytest.raises(ComparisonError, match=r"no series in common: the baseline has a \(onnxruntime, fp32\)"):
        compare_runs(run(series("a", [1, 1])), run(series("b", [1, 1])), RunRules())


def test_other_environments_are_refused_or_stated_on_every_line() -> None:
    base, new = run(noisy("a", 1, 0)), run(noisy("a", 1, 1, environment_id="two", device="B"))
    with pytest.raises(ComparisonError, match=r"A processor \(one\) against B \(two\)"):
        compare_runs(base, new, RunRules())
    found = compare_runs(base, new, RunRules(across_environments=True))
    assert all(one.reason.startswith("across environments: A processor (one)") for one in found.series)


def test_times_of_different_kinds_are_refused() -> None:
    with pytest.raises(ComparisonError, match="never compared"):
        compare_runs(
            run(noisy("a", 1, 0)), run(noisy("a", 1, 1, latency_kind="gpu_compute")), RunRules(across_environments=True)
        )


def test_trials_of_a_slow_phase_are_left_out_while_enough_are_left() -> None:
    one = series("a", [1.0, 0.7, 1.01, 1.02], [4.0, 5.5, 4.0, 4.1])
    assert steady_trials(one, 4.0) == [0, 2, 3]
    two = series("a", [1.0, 0.7, 0.71], [4.0, 5.5, 5.5])
    assert steady_trials(two, 4.0) == [0, 1, 2]


def test_a_run_in_a_slow_phase_throughout_calls_nothing() -> None:
    """What was seen: a large network's ratio fell by a fifth, because the reference network lost 40 % and it little."""
    base = run(
        noisy("large", 1.0, 0, 10, references_ms=[2.9] * 10), noisy("small", 1.0, 1, 10, references_ms=[2.9] * 10)
    )
    new = run(
        noisy("large", 0.8, 2, 10, references_ms=[4.1] * 10), noisy("small", 1.0, 3, 10, references_ms=[4.1] * 10)
    )
    assert set(verdicts(compare_runs(base, new, RunRules())).values()) == {"inconclusive"}


def test_false_alarms_over_families_are_as_rare_as_stated() -> None:
    """100 comparisons of 20 equal series each, with spikes: no more than 6 may alarm at a stated 1 %."""
    rng = np.random.default_rng(5)

    def equal(name: str) -> MeasuredSeries:
        process = rng.normal(0, 0.012, 5) + rng.choice([0, 0.2], 5, p=[0.97, 0.03])
        return series(name, np.exp(process))

    alarms = 0
    for _ in range(100):
        sides = [run(*(equal(f"m{index}") for index in range(20))) for _ in range(2)]
        alarms += "regressed" in verdicts(compare_runs(*sides, RunRules())).values()
    assert alarms <= 6


def test_holm_counts_all_series() -> None:
    """A slow-down that one series alone would show is not called among two hundred."""
    base = [noisy(f"m{index}", 1.0, index, 4, 0.01) for index in range(200)]
    new = [noisy(f"m{index}", 1.035 if index == 0 else 1.0, 1000 + index, 4, 0.01) for index in range(200)]
    alone = compare_runs(run(base[0]), run(new[0]), RunRules()).series[0]
    among = compare_runs(run(*base), run(*new), RunRules()).series[0]
    assert alone.verdict == "regressed"
    assert among.verdict != "regressed"
    assert alone.smallest_detectable_percent is not None
    assert among.smallest_detectable_percent is not None
    assert among.smallest_detectable_percent > alone.smallest_detectable_percent


def twins(count: int, one: MeasuredSeries, measured_as: str = "") -> list[MeasuredSeries]:
    """Rows that show the trials of a series."""
    source = measured_as or one.key.model
    return [dataclasses.replace(one, key=key(f"{source} twin {index}"), measured_as=source) for index in range(count)]


def test_rows_that_share_their_trials_are_one_test() -> None:
    """With forty rows of its trials beside it, a series is judged as it is alone; they repeat its verdict."""
    base, new = noisy("a", 1.0, 0, 4), noisy("a", 1.035, 1000, 4)
    (alone,) = compare_runs(run(base), run(new), RunRules()).series
    assert alone.verdict == "regressed"
    found = compare_runs(run(base, *twins(40, base)), run(*twins(40, new), new), RunRules())
    *others, among = found.series
    assert among == alone
    assert {(one.verdict, one.measured_as) for one in others} == {("regressed", "a")}
    assert others[0] == dataclasses.replace(alone, key=key("a twin 0"), measured_as="a")
    assert list(found.table()["measured_as"]) == ["a"] * 40 + [""]
    # The same rows as measurements of their own would have hidden it.
    counted = [[dataclasses.replace(one, measured_as="") for one in twins(40, side)] for side in (base, new)]
    each = compare_runs(run(base, *counted[0]), run(new, *counted[1]), RunRules()).series
    assert {one.verdict for one in each} == {"inconclusive"}


def test_trials_count_once_in_what_the_series_have_in_common() -> None:
    """Neither the typical spread, nor the machine's usual speed, nor its change is weighed by rows."""
    slow = [4.0] * 3 + [5.0] * 11
    base = run(noisy("a", 1.0, 0, 14, 0.05, references_ms=slow), noisy("b", 1.0, 1, 14, 0.002))
    new = run(noisy("a", 1.0, 2, 14, 0.05, references_ms=slow), noisy("b", 1.0, 3, 14, 0.002, references_ms=[4.2] * 14))
    shared = [run(*side.values(), *twins(30, side[key("a")])) for side in (base, new)]
    plain, found = compare_runs(base, new, RunRules()), compare_runs(*shared, RunRules())
    assert found.series[:2] == plain.series
    assert found.reference_shift_percent == plain.reference_shift_percent


def test_runs_may_have_measured_an_artifact_as_different_models() -> None:
    old, new = noisy("a", 1.0, 0), noisy("b", 1.0, 1)
    base = run(old, dataclasses.replace(old, key=key("b"), measured_as="a"))
    candidate = run(dataclasses.replace(new, key=key("a"), measured_as="b"), new)
    found = compare_runs(base, candidate, RunRules())
    # What the candidate measured itself is judged.
    assert {one.key.model: one.measured_as for one in found.series} == {"a": "b", "b": ""}
    assert len({one.change for one in found.series}) == 1


def test_trials_that_one_run_alone_shares_are_compared_with_each_of_the_other() -> None:
    """As when the baseline is of a version that measured every row."""
    new = noisy("a", 1.0, 2)
    base = run(noisy("a", 1.0, 0), noisy("b", 0.9, 1))
    found = compare_runs(base, run(new, dataclasses.replace(new, key=key("b"), measured_as="a")), RunRules())
    assert [one.measured_as for one in found.series] == ["", ""]
    assert len({one.change for one in found.series}) == 2


def test_a_failure_that_is_shared_is_stated_for_every_row() -> None:
    failed = series("a", [], status="timeout", reason="300 s")
    base = run(noisy("a", 1.0, 0), *twins(1, noisy("a", 1.0, 0)))
    found = compare_runs(base, run(failed, *twins(1, failed)), RunRules())
    assert [(one.verdict, one.reason) for one in found.series] == [("not measured", "candidate: timeout: 300 s")] * 2
    assert [one.measured_as for one in found.series] == ["", "a"]


def test_a_machine_that_changed_makes_no_regression() -> None:
    """What was seen of equals: one 4 % slower, others 3.5 % faster, while the reference network was 6 % slower."""
    models = {"a0": 1.038, "lanet": 0.964, "resnest": 0.968, "x-b0": 0.99}

    def measured(name: str, seed: int, level: float, reference_ms: float) -> MeasuredSeries:
        return noisy(name, level, seed, 10, 0.008, references_ms=[reference_ms] * 10)

    base = run(*(measured(name, seed, 1.0, 2.90) for seed, name in enumerate(models)))
    new = run(*(measured(name, 50 + seed, level, 3.08) for seed, (name, level) in enumerate(models.items())))
    found = compare_runs(base, new, RunRules())
    assert set(verdicts(found).values()) == {"inconclusive"}
    assert found.reference_shift_percent == pytest.approx(100 * (3.08 / 2.90 - 1))
    assert found.run_effect_percent == pytest.approx(3.06, abs=0.01)
    same_speed = run(*(measured(name, 50 + seed, level, 2.90) for seed, (name, level) in enumerate(models.items())))
    assert verdicts(compare_runs(base, same_speed, RunRules()))["a0"] == "regressed"


def test_a_large_slow_down_is_seen_on_a_machine_that_changed() -> None:
    base = run(noisy("a", 1.0, 0, 10, references_ms=[2.90] * 10))
    new = run(noisy("a", 1.25, 1, 10, references_ms=[3.08] * 10))
    assert verdicts(compare_runs(base, new, RunRules())) == {"a": "regressed"}


def test_another_environment_is_not_run_to_run_noise() -> None:
    new = run(noisy("a", 1, 1, environment_id="two", references_ms=[8.0] * 6))
    found = compare_runs(run(noisy("a", 1, 0)), new, RunRules(across_environments=True))
    assert (found.reference_shift_percent, found.run_effect_percent) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("p_slower", "p_faster", "low", "high", "verdict"),
    [
        (0.01, 1.0, 4.0, 6.0, "regressed"),
        (1.0, 0.005, -6.0, -4.0, "improved"),
        (1.0, 1.0, -3.0, 3.0, "same"),
        (1.0, 1.0, -3.1, 2.0, "inconclusive"),
        (1.0, 1.0, -2.0, 3.1, "inconclusive"),
        (1.0, 1.0, None, None, "inconclusive"),
    ],
)
def test_the_four_verdicts_on_what_was_measured(
    p_slower: float, p_faster: float, low: float | None, high: float | None, verdict: str
) -> None:
    assert Rules().verdict(p_slower, p_faster, low, high) == verdict


def test_rules_are_recorded_under_the_same_names() -> None:
    common = ["margin_percent", "threshold_percent", "error_rate"]
    assert list(dataclasses.asdict(RunRules())) == [*common, "across_environments"]
    pairs = ["screen_pairs", "screen_rate", "confirm_pairs", "repeats"]
    assert list(dataclasses.asdict(GateRules())) == [*common, *pairs]


def test_series_whose_inputs_held_something_else_are_not_compared() -> None:
    names = ("same", "range", "file")
    base = run(
        noisy("same", 1.0, 0, inputs="0:1"),
        noisy("range", 1.0, 1),
        noisy("file", 1.0, 2, inputs="a.npy", inputs_sha256="1"),
    )
    new = run(
        noisy("same", 1.0, 3, inputs="0:1"),
        noisy("range", 1.0, 4, inputs="0:255"),
        noisy("file", 1.0, 5, inputs="a.npy", inputs_sha256="2"),
    )
    found = dict(zip(names, compare_runs(base, new, RunRules()).series, strict=True))
    assert found["same"].verdict != "not measured"
    assert found["range"].verdict == found["file"].verdict == "not measured"
    assert "values by their types in the baseline, 0:255 in the candidate" in found["range"].reason
    assert "its inputs held a.npy, which changed between the runs" in found["file"].reason


def test_another_library_of_operators_is_compared_and_stated() -> None:
    base, new = (run(noisy("m", 1.0, seed, custom_operators_sha256=str(seed))) for seed in (1, 2))
    (found,) = compare_runs(base, new, RunRules()).series
    assert found.change is not None
    assert found.reason == "the libraries of custom operators differ"


def test_two_runs_with_a_graph_each_are_compared() -> None:
    native, fused = noisy("a", 1.0, 1, sd=0.004), noisy("a", 0.8, 2, sd=0.004)
    fused = dataclasses.replace(fused, key=dataclasses.replace(fused.key, graph="fused"))
    assert verdicts(compare_runs(run(native), run(fused), RunRules())) == {"a": "improved"}
    found = compare_runs(run(native, fused), run(fused), RunRules())
    assert [(one.key.graph, one.verdict) for one in found.series] == [("fused", "same"), ("native", "not measured")]
