"""The gate over scripted pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from harness.comparison.gate import GateResult, GateRules, gate, pairs_needed
from harness.comparison.pair import Pairing, PairResult, Side

SIDE = Side("model.onnx", "digest", "fp32")


def pairing(name: str) -> Pairing:
    return Pairing(name, 1, SIDE, SIDE)


class Silent:
    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.told: list[str] = []

    def begin(self, stage: str, pairs: int) -> None:
        self.begun.append((stage, pairs))

    def pair(self, pairing: Pairing, result: PairResult) -> None:
        self.told.append(pairing.model)

    def repeated(self, pairing: Pairing) -> None:
        self.told.append(f"{pairing.model} again")


class Machine:
    """Pairs whose log ratio is the series' true change, noise, and an effect of the place a side has."""

    def __init__(self, changes_percent: dict[str, float], sd: float = 0.011, place_effect: float = 0.0) -> None:
        self.changes = {name: np.log1p(percent / 100) for name, percent in changes_percent.items()}
        self.sd, self.place_effect = sd, place_effect
        self.rng = np.random.default_rng(0)
        self.calls: list[tuple[str, bool]] = []

    def __call__(self, pairing: Pairing, seed: int, swapped: bool) -> PairResult:
        self.calls.append((pairing.model, swapped))
        log_ratio = self.changes[pairing.model] + self.rng.normal(0, self.sd)
        log_ratio += -self.place_effect if swapped else self.place_effect
        return PairResult("ok", log_ratio=float(log_ratio), base_median_ms=2.0, new_median_ms=2.0)


def run(measure: Callable[[Pairing, int, bool], PairResult], names: list[str], **rules: float) -> dict[str, GateResult]:
    found = gate(
        [pairing(name) for name in names],
        measure,
        dataclasses.replace(GateRules(), **rules),
        seed=1,
        listener=Silent(),
    )
    return {one.pairing.model: one for one in found}


def test_only_suspects_get_fresh_pairs_and_these_alone_decide() -> None:
    machine = Machine({"same": 0.0, "slower": 5.0, "faster": -5.0}, sd=0.003)
    found = run(machine, ["same", "slower", "faster"])
    assert {name: one.verdict for name, one in found.items()} == {
        "same": "same",
        "slower": "regressed",
        "faster": "improved",
    }
    counts = {name: sum(model == name for model, _ in machine.calls) for name in found}
    assert counts == {"same": 6, "slower": 26, "faster": 26}
    assert len(found["slower"].log_ratios) == 20
    assert len(found["slower"].screen_log_ratios) == 6
    assert found["slower"].change_percent == pytest.approx(5.0, abs=0.4)


def test_a_slower_place_says_nothing_about_a_side() -> None:
    """Half of each series' pairs have the sides exchanged, so an effect of the place has no direction."""
    machine = Machine({"a": 0.0}, sd=0.001, place_effect=0.03)
    assert run(machine, ["a"])["a"].verdict != "regressed"
    assert sum(swapped for _, swapped in machine.calls[:6]) == 3


def test_a_series_that_fails_is_not_tried_again_and_stops_nothing() -> None:
    machine = Machine({"good": 0.0, "bad": 0.0}, sd=0.002)

    def measure(one: Pairing, seed: int, swapped: bool) -> PairResult:
        if one.model == "bad":
            machine.calls.append(("bad", swapped))
            return PairResult("timeout", "300 s")
        return machine(one, seed, swapped)

    found = run(measure, ["bad", "good"])
    assert (found["bad"].verdict, found["bad"].reason) == ("not measured", "timeout: 300 s")
    assert found["good"].verdict == "same"
    assert sum(model == "bad" for model, _ in machine.calls) == 1


def test_a_disturbed_pair_is_repeated_before_its_side_is_known() -> None:
    machine = Machine({"a": 0.0}, sd=0.002)
    disturbed = iter([True, True, False, True, True] + [False] * 50)

    def measure(one: Pairing, seed: int, swapped: bool) -> PairResult:
        result = machine(one, seed, swapped)
        if next(disturbed):
            return dataclasses.replace(result, contaminated=True, log_ratio=0.5)
        return result

    listener = Silent()
    (found,) = gate([pairing("a")], measure, GateRules(), seed=1, listener=listener)
    assert listener.told.count("a again") == 3
    assert listener.told.count("a") == listener.begun[0][1] + listener.begun[1][1]
    # The fourth disturbance finds no repeat left: it is kept, and counted.
    assert max(found.screen_log_ratios) == 0.5


def test_the_order_and_the_places_come_from_the_seed() -> None:
    calls = []
    for seed in (1, 1, 2):
        machine = Machine({"a": 0.0, "b": 0.0, "c": 0.0})
        gate([pairing(name) for name in "abc"], machine, GateRules(), seed=seed, listener=Silent())
        calls.append(machine.calls[:18])
    assert calls[0] == calls[1] != calls[2]


def test_enough_pairs_for_many_series() -> None:
    assert pairs_needed(1, 0.01) == 7
    assert pairs_needed(165, 0.01) == 15
    assert pairs_needed(165, 0.001) == 18
    assert pairs_needed(1, 1e-6) is None


def test_false_alarms_over_families_are_as_rare_as_stated() -> None:
    """150 gates of ten equal series with spikes: at a stated 5 %, no more than 15 may call one."""
    rng = np.random.default_rng(3)

    def measure(one: Pairing, seed: int, swapped: bool) -> PairResult:
        spike = rng.choice([0, 0.3, -0.3], p=[0.94, 0.03, 0.03])
        return PairResult("ok", log_ratio=float(rng.normal(0, 0.011) + spike), base_median_ms=1.0, new_median_ms=1.0)

    names = [f"m{index}" for index in range(10)]
    alarms = 0
    for _ in range(150):
        found = run(measure, names, error_rate=0.05, margin_percent=0.0, confirm_pairs=12)
        alarms += any(one.verdict == "regressed" for one in found.values())
    assert alarms <= 15


def test_a_true_slow_down_of_3_percent_is_found() -> None:
    machine = Machine({"a": 3.0})
    found = [run(machine, ["a"], confirm_pairs=14)["a"].verdict for _ in range(100)]
    assert found.count("regressed") >= 90
