"""The gate: a few pairs find the suspects, and only fresh pairs call them.

Stage one measures every series with a few pairs. A series whose pairs lean to either side is a suspect, and gets
fresh pairs in stage two; only these decide, so that the chance that made it a suspect does not count twice. The
p-values of stage two are corrected for all series of the gate, suspects or not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness.comparison.pair import Pairing, PairResult
from harness.comparison.pair_rounds import Listener, MeasurePair, pair_rounds
from harness.comparison.verdict import Rules, Verdict
from harness.stats.multiplicity import holm
from harness.stats.sign_flip import EXACT_PAIRS, faster_p_value, least_p_value, slower_p_value
from harness.stats.trials import interval_over_trials, median


@dataclasses.dataclass(frozen=True)
class GateRules(Rules):
    """What counts as a change, and how many pairs are measured for it."""

    screen_pairs: int = 6
    screen_rate: float = 0.05
    """One-sided p-value at which a series becomes a suspect, in either direction."""
    confirm_pairs: int = 20
    repeats: int = 3
    """Maximum number of repetitions, per series, of pairs that were disturbed throughout."""


@dataclasses.dataclass(frozen=True)
class GateResult:
    """The result of one series."""

    pairing: Pairing
    verdict: Verdict
    reason: str = ""
    change_percent: float | None = None
    """Median over the pairs that decided."""
    low_percent: float | None = None
    high_percent: float | None = None
    p_slower: float | None = None
    """P-value of the pairs that decided; corrected for all series if they are those of a suspect."""
    suspect: bool = False
    log_ratios: tuple[float, ...] = ()
    """Log ratios of the pairs that decided."""
    disturbed_count: int = 0
    """Number of these pairs that others disturbed throughout, when no repetition was left."""
    screen_log_ratios: tuple[float, ...] = ()
    base_median_ms: float | None = None
    new_median_ms: float | None = None
    measured_as: str = ""
    """Model whose result this repeats, since both have the same artifacts; empty if it was measured itself."""


def gate(
    pairings: Sequence[Pairing], measure: MeasurePair, rules: GateRules, *, seed: int, listener: Listener
) -> list[GateResult]:
    """Screens every series and confirms the suspects.

    Args:
        pairings: the series.
        measure: measures one pair.
        rules: number of pairs, and what counts as a change.
        seed: seed of the order, the sides' places and the inputs.
        listener: follows every pair.

    Returns:
        The series in the order given.
    """
    screened = pair_rounds("screen", pairings, rules.screen_pairs, measure, rules.repeats, seed, listener)
    suspects = [one for one in pairings if _is_suspect(_logs(screened[one]), rules)]
    confirmed = pair_rounds("confirm", suspects, rules.confirm_pairs, measure, rules.repeats, seed + 1, listener)
    judged = [one for one in pairings if _logs(screened[one])]
    slower = _corrected(judged, confirmed, rules, slower_p_value)
    faster = _corrected(judged, confirmed, rules, faster_p_value)
    return [
        _gated(one, screened[one], confirmed.get(one), slower.get(one, 1.0), faster.get(one, 1.0), rules)
        for one in pairings
    ]


def pairs_needed(series: int, error_rate: float) -> int | None:
    """The fewest confirming pairs with which a gate of this number of series can call anything; None if none can."""
    return next((pairs for pairs in range(1, EXACT_PAIRS + 1) if least_p_value(pairs) <= error_rate / series), None)


def _logs(results: Sequence[PairResult]) -> list[float]:
    return [result.log_ratio for result in results if result.log_ratio is not None]


def _is_suspect(log_ratios: list[float], rules: GateRules) -> bool:
    if not log_ratios:
        return False
    tests = (slower_p_value, faster_p_value)
    return any(test(log_ratios, rules.margin_percent) <= rules.screen_rate for test in tests)


def _corrected(
    judged: Sequence[Pairing],
    confirmed: Mapping[Pairing, list[PairResult]],
    rules: GateRules,
    test: Callable[[list[float], float], float],
) -> dict[Pairing, float]:
    """P-values of the fresh pairs, corrected for every series that was judged; 1 for a series that is not a suspect."""
    p_values = [test(logs, rules.margin_percent) if (logs := _logs(confirmed.get(one, []))) else 1.0 for one in judged]
    return dict(zip(judged, (float(p) for p in holm(p_values)), strict=True))


def _gated(
    pairing: Pairing,
    screened: list[PairResult],
    confirmed: list[PairResult] | None,
    slower: float,
    faster: float,
    rules: GateRules,
) -> GateResult:
    failed = next((one for one in [*screened, *(confirmed or [])] if one.status != "ok"), None)
    deciding = screened if confirmed is None else confirmed
    logs = _logs(deciding)
    if failed is not None or not logs:
        reason = f"{failed.status}: {failed.reason}" if failed else "no pair was measured"
        return GateResult(pairing, "not measured", reason, screen_log_ratios=tuple(_logs(screened)))
    low, high = interval_over_trials(np.exp(logs))
    found = GateResult(
        pairing,
        "inconclusive",
        change_percent=100 * (median(np.exp(logs)) - 1),
        low_percent=None if low is None else 100 * (low - 1),
        high_percent=None if high is None else 100 * (high - 1),
        p_slower=slower if confirmed is not None else slower_p_value(logs, rules.margin_percent),
        suspect=confirmed is not None,
        log_ratios=tuple(logs),
        disturbed_count=sum(one.contaminated for one in deciding),
        screen_log_ratios=tuple(_logs(screened)),
        base_median_ms=median([one.base_median_ms for one in deciding if one.base_median_ms is not None]),
        new_median_ms=median([one.new_median_ms for one in deciding if one.new_median_ms is not None]),
    )
    verdict = rules.verdict(slower, faster, found.low_percent, found.high_percent)
    return dataclasses.replace(found, verdict=verdict)
