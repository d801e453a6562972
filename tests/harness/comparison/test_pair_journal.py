"""Pairs that are on disk one by one, and gates that resume from them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.comparison.gate import GateResult, GateRules, gate
from harness.comparison.pair import Pairing, PairResult, Side
from harness.comparison.pair_journal import CONDITIONS_NAME, PAIRS_NAME, PairJournal, series_facts
from harness.errors import ComparisonError, RunLockedError, StorageError

RULES = GateRules(screen_pairs=5, confirm_pairs=10)
CHANGES = {"equal": 0.0, "slower": 0.06, "failing": 0.0}


def pairing(name: str, sha256: str = "digest") -> Pairing:
    return Pairing(name, 1, Side("base.onnx", "digest", "fp32"), Side("new.onnx", sha256, "fp32"))


PAIRINGS = [pairing(name) for name in CHANGES]
CONDITIONS: dict[str, Any] = {
    "rules": dataclasses.asdict(RULES),
    "series": series_facts(PAIRINGS),
    "environment_id": "0123456789ab",
    "environment": {"cpu_model": "one", "memory_mib": 1000},
}


class Silent:
    def begin(self, stage: str, pairs: int) -> None: ...

    def pair(self, pairing: Pairing, result: PairResult) -> None: ...

    def repeated(self, pairing: Pairing) -> None: ...


class Machine:
    """Pairs that their seed decides: noise, disturbances, failures; interrupted after a number of them."""

    def __init__(self, pairs: int | None = None) -> None:
        self.left = pairs
        self.calls: list[tuple[str, int, bool]] = []

    def __call__(self, one: Pairing, seed: int, swapped: bool) -> PairResult:
        if self.left == len(self.calls):
            raise KeyboardInterrupt
        self.calls.append((one.model, seed, swapped))
        if one.model == "failing" and sum(model == "failing" for model, _, _ in self.calls) > 1:
            return PairResult("timeout", "300 s")
        rng = np.random.default_rng(seed)
        log_ratio = CHANGES[one.model] + float(rng.normal(0, 0.004))
        return PairResult(
            "ok", log_ratio=log_ratio, base_median_ms=2.0, new_median_ms=2.1, contaminated=rng.random() < 0.2
        )


def begin(directory: Path, seed: int | None = None, **changes: Any) -> PairJournal:
    return PairJournal.open(directory, {**CONDITIONS, **changes}, seed)


def gated(journal: PairJournal, machine: Machine) -> Sequence[GateResult]:
    return gate(PAIRINGS, journal.recording(machine), RULES, seed=journal.seed, listener=Silent())


def test_a_gate_that_is_interrupted_anywhere_is_the_same_test(tmp_path: Path) -> None:
    undisturbed = Machine()
    with begin(tmp_path / "whole", seed=3) as journal:
        whole = gated(journal, undisturbed)
    assert {one.pairing.model: one.verdict for one in whole} == {
        "equal": "same",
        "slower": "regressed",
        "failing": "not measured",
    }
    pairs = len(undisturbed.calls)
    assert pairs > 5 + 15 + 2, "no pair was repeated, so nothing is known of repeats"
    for ended in range(pairs):
        directory = tmp_path / str(ended)
        machines = [Machine(ended), Machine()]
        # The failing series counts what it was asked, in this process or before.
        machines[1].calls = machines[0].calls
        with begin(directory, seed=3) as journal, pytest.raises(KeyboardInterrupt):
            gated(journal, machines[0])
        with begin(directory) as journal:
            assert (journal.seed, journal.earlier_count) == (3, ended)
            assert gated(journal, machines[1]) == whole
            assert journal.new_count == pairs - ended
        assert machines[1].calls == undisturbed.calls
        assert (directory / PAIRS_NAME).read_bytes() == (tmp_path / "whole" / PAIRS_NAME).read_bytes()


def test_a_gate_that_is_finished_measures_nothing(tmp_path: Path) -> None:
    with begin(tmp_path) as journal:
        whole = gated(journal, Machine())
    with begin(tmp_path) as journal:
        machine = Machine(0)
        assert gated(journal, machine) == whole
        assert (journal.new_count, machine.calls) == (0, [])
        assert journal.replayed


def without_margin() -> dict[str, Any]:
    return dataclasses.asdict(dataclasses.replace(RULES, margin_percent=0.0))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"series": series_facts([pairing("equal", "another"), *PAIRINGS[1:]])}, "new_sha256 was 'digest', is 'anothe"),
        ({"series": series_facts(PAIRINGS[:2])}, "failing"),
        ({"series": series_facts(PAIRINGS[::-1])}, "the order of the series"),
        ({"rules": without_margin()}, "rules.margin_percent was 0.5, is 0.0"),
        ({"baseline_runtime": "onnxruntime 1.1"}, "baseline_runtime was None, is 'onnxruntime 1.1'"),
        (
            {"environment_id": "ba9876543210", "environment": {"cpu_model": "two", "memory_mib": 1000}},
            "cpu_model was 'one', is 'two'",
        ),
    ],
)
def test_another_gate_is_refused_with_what_differs(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with begin(tmp_path) as journal, pytest.raises(KeyboardInterrupt):
        gated(journal, Machine(4))
    before = (tmp_path / PAIRS_NAME).read_bytes()
    with pytest.raises(ComparisonError, match="another --output") as refused:
        begin(tmp_path, **changes)
    assert told in str(refused.value)
    assert (tmp_path / PAIRS_NAME).read_bytes() == before


def test_another_seed_is_refused_and_facts_beside_the_id_are_not(tmp_path: Path) -> None:
    begin(tmp_path, seed=3).close()
    with pytest.raises(ComparisonError, match="seed was 3, is 4"):
        begin(tmp_path, seed=4)
    begin(tmp_path, seed=3, environment={"cpu_model": "one", "memory_mib": 999}).close()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with begin(tmp_path), pytest.raises(RunLockedError, match="another --output"):
        begin(tmp_path)
    begin(tmp_path).close()


def test_what_a_killed_process_leaves_does_not_matter(tmp_path: Path) -> None:
    with begin(tmp_path) as journal, pytest.raises(KeyboardInterrupt):
        gated(journal, Machine(4))
    (tmp_path / "trial-abc").mkdir()
    with (tmp_path / PAIRS_NAME).open("a") as file:
        file.write('{"model": "equ')
    with begin(tmp_path) as journal:
        assert journal.earlier_count == 4
    assert not (tmp_path / "trial-abc").exists()


def swap_places(text: str) -> str:
    return text.replace('"swapped": true', '"swapped": 1.5').replace('"swapped": false', '"swapped": 1.5')


@pytest.mark.parametrize(
    ("name", "edit", "told"),
    [
        (PAIRS_NAME, swap_places, "line 1 is not the pair that comes next"),
        (PAIRS_NAME, lambda text: text.replace('"result"', '"other"'), "line 1 is not a pair"),
        (PAIRS_NAME, lambda text: "[]\n" + text, "line 1 is not a pair"),
        (CONDITIONS_NAME, lambda text: text[:40], "is damaged"),
        (CONDITIONS_NAME, lambda text: json.dumps({**json.loads(text), "seed": "3"}), "is damaged"),
        (CONDITIONS_NAME, lambda text: "[]", "is damaged"),
    ],
)
def test_edited_files_are_refused(tmp_path: Path, name: str, edit: Callable[[str], str], told: str) -> None:
    with begin(tmp_path) as journal, pytest.raises(KeyboardInterrupt):
        gated(journal, Machine(4))
    path = tmp_path / name
    path.write_text(edit(path.read_text()))
    with pytest.raises(StorageError, match=told) as refused, begin(tmp_path) as journal:
        gated(journal, Machine())
    assert name in str(refused.value)


def test_pairs_without_their_conditions_are_refused(tmp_path: Path) -> None:
    begin(tmp_path).close()
    (tmp_path / CONDITIONS_NAME).unlink()
    with pytest.raises(StorageError, match=r"no conditions\.json"):
        begin(tmp_path)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gate").write_text("")
    with pytest.raises(StorageError, match="is a file"):
        begin(tmp_path / "gate")


def test_pairs_of_other_inputs_are_pairs_of_another_gate() -> None:
    plain = Pairing("m", 1, Side("base.onnx", "d", "fp32"), Side("new.onnx", "e", "fp32"))
    (before,) = series_facts([plain]).values()
    assert before == {"base_sha256": "d", "new_sha256": "e"}
    held = {"inputs": "0:255", "companions": ("inputs 0:255", "operators 1234")}
    pixels = Pairing("m", 1, Side("base.onnx", "d", "fp32"), Side("new.onnx", "e", "fp32", **held))
    ((name, after),) = series_facts([pixels]).items()
    assert name == "m (fp32 to fp32, batch 1, inputs 0:255)"
    assert after == {**before, "companions": [[], ["inputs 0:255", "operators 1234"]]}
