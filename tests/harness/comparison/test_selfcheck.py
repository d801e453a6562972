from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pytest

from harness.__main__ import main
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


def test_the_command_writes_report_data_and_raw_pairs(
    write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = str(write_network(shape=[1, 3, 32, 32]))
    output = tmp_path / "check"
    quick = ["--block-ms", "2", "--block-groups", "2", "--threads", "1", "--seed", "1"]
    amount = ["--comparisons", "2", "--gates", "1", "--pairs", "2", "--confirm-pairs", "7", "--slowdown", "300"]
    main(["selfcheck", network, *quick, *amount, "--output", str(output)])
    told = capsys.readouterr().out
    assert "of 2; the rate is below" in told
    assert told == (output / "selfcheck.md").read_text()
    pairs = pandas.read_csv(output / "selfcheck_pairs.csv")
    assert set(pairs["check"]) == {"equal", "slowed"}
    assert pairs[pairs["check"] == "slowed"].log_ratio.median() > np.log(2)
    data = json.loads((output / "selfcheck.json").read_text())
    assert data["found"]["total"] == 1


def test_a_selfcheck_that_is_interrupted_says_so_and_goes_on(
    write_network: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    stop_at: Callable[[int | None], list[int]],
) -> None:
    output = tmp_path / "check"
    amount = ["--comparisons", "2", "--gates", "1", "--pairs", "3", "--confirm-pairs", "7", "--threads", "1"]
    command = ["selfcheck", str(write_network(shape=[1, 3, 32, 32])), *amount, "--output", str(output)]
    seeds = stop_at(5)
    assert main(command) == 130
    assert f"interrupted after 4 pairs; they are in {output}, and the same command goes on" in capsys.readouterr().err
    assert len(pandas.read_csv(output / "selfcheck_pairs.csv")) == 4
    stop_at(None)
    assert main(command) == 0
    first = (output / "selfcheck.json").read_text()
    assert list(pandas.read_csv(output / "selfcheck_pairs.csv")["comparison"]) == [0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert len(seeds) == len(set(seeds)) == 9
    assert main(command) == 0
    assert "nothing was measured" in capsys.readouterr().err
    assert (len(seeds), (output / "selfcheck.json").read_text()) == (9, first)
    assert main([*command, "--slowdown", "4"]) == 2


def test_a_selfcheck_that_measured_nothing_is_not_clean(
    write_network: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    amount = ["--comparisons", "2", "--gates", "0", "--threads", "1", "--output", str(tmp_path / "check")]
    assert main(["selfcheck", str(broken), *amount]) == 3
    told = capsys.readouterr().out
    assert "- Not measured, and in none of these rates: 2; the first: onnx: failed: " in told
    assert "broken.onnx" in told
