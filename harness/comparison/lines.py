"""A series of a comparison, or of a gate, as a line of the report."""

from __future__ import annotations

from harness.comparison.gate import GateResult
from harness.comparison.pair_progress import series_name
from harness.comparison.report import Line
from harness.comparison.verdict import RunsComparison, SeriesComparison

_NEGLIGIBLE_PERCENT = 0.5


def line_of_series(one: SeriesComparison) -> Line:
    """A series of two runs."""
    remark = one.reason
    if one.suspect and one.verdict != "regressed":
        remark = f"suspected slow-down; {remark}" if remark else "suspected slow-down"
    if one.change is None:
        return Line(one.verdict, str(one.key), remark=remark, measured_as=one.measured_as)
    return Line(
        one.verdict,
        str(one.key),
        one.change.percent,
        one.change.low_percent,
        one.change.high_percent,
        one.base_latency_ms,
        one.new_latency_ms,
        one.smallest_detectable_percent,
        remark,
        one.measured_as,
    )


def note_of_runs(found: RunsComparison) -> str:
    """A note on what the machine alone may have changed between the runs; empty if that is negligible."""
    if found.run_effect_percent < _NEGLIGIBLE_PERCENT:
        return ""
    shift_percent = found.reference_shift_percent
    return (
        f"The machine changed: the reference network was {abs(shift_percent):.1f} % "
        f"{'slower' if shift_percent > 0 else 'faster'} in the second run. Equal artifacts then differ by "
        f"+-{found.run_effect_percent:.1f} % (standard deviation), which widens every interval. To see smaller "
        "changes, let the runs take turns (docs/ci.md), or use `gate`."
    )


def line_of_gated(one: GateResult) -> Line:
    """A series of a gate."""
    remark = one.reason
    if one.suspect and one.verdict not in ("regressed", "improved"):
        remark = "a suspect after screening, cleared by fresh pairs" if one.verdict == "same" else "a suspect"
    if one.disturbed_count:
        told = f"others disturbed {one.disturbed_count} of {len(one.log_ratios)} pairs"
        remark = f"{remark}; {told}" if remark else told
    return Line(
        one.verdict,
        series_name(one.pairing),
        one.change_percent,
        one.low_percent,
        one.high_percent,
        one.base_median_ms,
        one.new_median_ms,
        None,
        remark,
        one.measured_as,
    )
