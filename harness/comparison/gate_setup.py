"""What a gate and a self-check share before the first pair is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import backends
from harness.backends.device import environment_of
from harness.comparison.duet import measure_duet
from harness.comparison.gate import GateRules, pairs_needed
from harness.comparison.pair import Conditions, Pairing, PairResult, measure_pair
from harness.comparison.pair_journal import series_facts
from harness.errors import ComparisonError
from harness.files.storage import explained
from harness.stats.sign_flip import EXACT_PAIRS, least_p_value


def shared_facts(conditions: Conditions, builds: int, pairings: Sequence[Pairing]) -> dict[str, Any]:
    """What shapes every pair of a gate or a self-check, for `PairJournal.open`."""
    environment = environment_of(backends.get(conditions.backend), conditions.gpu, conditions.threads)
    return {
        "conditions": conditions.to_json(),
        "builds": builds,
        "series": series_facts(pairings),
        "environment_id": environment.environment_id,
        "environment": environment.to_json(),
    }


def check_rules(rules: GateRules, series: int) -> None:
    """Refuses a gate that could call nothing.

    Raises:
        ComparisonError: saying how many pairs it takes.
    """
    if least_p_value(rules.confirm_pairs) <= rules.error_rate / series:
        return
    needed = pairs_needed(series, rules.error_rate)
    if needed is None:
        what_to_do = "no number of pairs can; give a larger --error-rate, or fewer --models"
    elif rules.confirm_pairs < needed:
        what_to_do = f"it takes {needed} or more"
    else:
        enough = f"{needed} to {EXACT_PAIRS}" if needed < EXACT_PAIRS else str(needed)
        what_to_do = f"give {enough}, of which every pattern of signs is counted"
    raise ComparisonError(
        f"--confirm-pairs {rules.confirm_pairs} can call nothing among {series} series at an error rate of "
        f"{rules.error_rate:g}: {what_to_do}"
    )


def measurer(
    conditions: Conditions,
    work_dir: Path,
    baseline_python: Path | None,
    folders: Sequence[str],
    slowdown_percent: float = 0.0,
) -> Callable[[Pairing, int, bool], PairResult]:
    """Measures a pair in one process, or in two where the sides need two environments.

    `folders` hold the builds of the engines, of which each pair draws one.
    """

    def measure(pairing: Pairing, seed: int, swapped: bool) -> PairResult:
        drawn = dataclasses.replace(conditions, cache_dir=folders[seed % len(folders)])
        if baseline_python is not None:
            return measure_duet(pairing, drawn, baseline_python, seed=seed, swapped=swapped)
        with explained(work_dir):
            return measure_pair(
                pairing, drawn, seed=seed, swapped=swapped, work_dir=work_dir, slowdown_percent=slowdown_percent
            )

    return measure
