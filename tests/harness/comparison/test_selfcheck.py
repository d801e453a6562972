from __future__ import annotations

import numpy as np
import pytest

from harness.comparison.gate import GateRules
from harness.comparison.pair import Pairing, PairResult, Side
from harness.comparison.selfcheck import Rate, RecordedPair, repeated_gates, spreads

SIDE = Side("model.onnx", "digest", "fp32")


class Silent:
    def begin(self, stage: str, pairs: int) -> None: ...

    def pair(self, pairing: Pairing, result: PairResult) -> None: ...

    def repeated(self, pairing: Pairing) -> None: ...


def test_the_bounds_are_clopper_and_pearsons() -> None:
    """No alarm in 300: the rate is below 1 - 0.05 ** (1 / 300)."""
    assert Rate(0, 300).upper == pytest.approx(1 - 0.05 ** (1 / 300))
    assert Rate(0, 300).lower == 0.0
    assert Rate(50, 50).upper == 1.0
    assert Rate(50, 50).lower == pytest.approx(0.05 ** (1 / 50))
    assert Rate(5, 100).lower < 0.05 < Rate(5, 100).upper


def test_series_take_turns_and_every_pair_is_recorded() -> None:
    recorded: list[RecordedPair] = []

    def measure(pairing: Pairing, seed: int, swapped: bool) -> PairResult:
        return PairResult("ok", log_ratio=0.0, base_median_ms=1.0, new_median_ms=1.0)

    found = repeated_gates(
        "equal",
        [Pairing(name, 1, SIDE, SIDE) for name in ("a", "b")],
        5,
        measure,
        GateRules(screen_pairs=3),
        seed=0,
        listener=Silent(),
        record=recorded.append,
    )
    assert [one.pairing.model for one in found] == ["a", "b", "a", "b", "a"]
    assert len(recorded) == 15
    assert {pair.comparison for pair in recorded} == set(range(5))


def test_the_spread_is_that_of_undisturbed_equals() -> None:
    logs = np.random.default_rng(0).normal(0, 0.012, 400)
    pairs = [
        RecordedPair("equal", 0, "a", False, PairResult("ok", log_ratio=float(log), within_percent=0.5)) for log in logs
    ]
    pairs += [RecordedPair("equal", 0, "a", False, PairResult("ok", log_ratio=3.0, contaminated=True))]
    pairs += [RecordedPair("slowed", 0, "a", False, PairResult("ok", log_ratio=3.0))]
    (found,) = spreads(pairs, GateRules(confirm_pairs=20))
    assert found.pairs_count == 400
    assert found.between_percent == pytest.approx(1.2, abs=0.15)
    assert found.within_percent == 0.5
    # 0.5 % of margin and (2.33 + 1.28) x 1.2 % / sqrt(20).
    assert found.smallest_detectable_percent == pytest.approx(1.47, abs=0.15)
