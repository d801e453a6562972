"""The findings of a self-check, as text, JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence

from foundation.wording import one_line
from harness.comparison.gate import GateResult, GateRules
from harness.comparison.selfcheck import Rate, RecordedPair, Spread, spreads
from harness.text.tables import cell, table

_COLUMNS = (
    "check",
    "comparison",
    "model",
    "swapped",
    "status",
    "log_ratio",
    "base_median_ms",
    "new_median_ms",
    "within_percent",
    "contaminated",
)

_HEADER = ("model", "pairs", "between processes %", "within a process %", "detectable slow-down %")


@dataclasses.dataclass(frozen=True)
class Findings:
    """The findings of a self-check."""

    rules: GateRules
    slowdown_percent: float
    false_alarms: Rate
    """Rate of comparisons of equals that were called slower."""
    false_improvements: Rate
    found: Rate
    """Rate of gates with the slow-down that found it."""
    spreads: Sequence[Spread]
    not_measured: Sequence[str]
    """The series and reason of each comparison and gate that was not measured, which the rates leave out."""

    @classmethod
    def of(
        cls,
        rules: GateRules,
        slowdown_percent: float,
        equal: Sequence[GateResult],
        slowed: Sequence[GateResult],
        pairs: Sequence[RecordedPair],
    ) -> Findings:
        """The findings from what was measured.

        Args:
            rules: the rules of every gate.
            slowdown_percent: by how much one side of the slowed gates was slower.
            equal: comparisons of equals.
            slowed: gates with the slow-down.
            pairs: the pairs of both.
        """
        return cls(
            rules,
            slowdown_percent,
            _rate_of(equal, "regressed"),
            _rate_of(equal, "improved"),
            _rate_of(slowed, "regressed"),
            spreads(pairs, rules),
            [f"{one.pairing.model}: {one.reason}" for one in (*equal, *slowed) if one.verdict == "not measured"],
        )

    def to_json(self) -> str:
        """Everything except the raw pairs."""
        data = dataclasses.asdict(self)
        for name in ("false_alarms", "false_improvements", "found"):
            one: Rate = getattr(self, name)
            data[name] |= {"upper": one.upper, "lower": one.lower}
        return json.dumps(data, indent=1) + "\n"

    def text(self) -> str:
        """The findings in words and a table, as Markdown."""
        rules = self.rules
        lines = [
            "# Self-check of the gate",
            "",
            *self._rate_lines(),
            "",
            f"A gate: {rules.screen_pairs} pairs to screen, {rules.confirm_pairs} fresh ones for a suspect, "
            f"{rules.margin_percent:g} % tolerated.",
            "",
            table(_HEADER, [_cells(one) for one in self.spreads]),
        ]
        return "\n".join(lines)

    def _rate_lines(self) -> list[str]:
        alarms = self.false_alarms
        lines = [
            f"- Equals called slower: {alarms.count} of {alarms.total}; the rate is below {100 * alarms.upper:.1f} % "
            f"with 95 % confidence, and {100 * self.rules.error_rate:g} % was stated.",
            f"- Equals called faster: {self.false_improvements.count} of {self.false_improvements.total}.",
        ]
        if self.found.total:
            lines.append(
                f"- A slow-down of {self.slowdown_percent:g} % found: {self.found.count} of {self.found.total}; the "
                f"rate is above {100 * self.found.lower:.0f} % with 95 % confidence."
            )
        if self.not_measured:
            lines.append(
                f"- Not measured, and not counted in these rates: {len(self.not_measured)}; the first: "
                f"{one_line(self.not_measured[0])}"
            )
        return lines


def _rate_of(found: Sequence[GateResult], verdict: str) -> Rate:
    """The rate of a verdict among the gates that were measured."""
    measured = [one for one in found if one.verdict != "not measured"]
    return Rate(sum(one.verdict == verdict for one in measured), len(measured))


def _cells(one: Spread) -> tuple[str, ...]:
    return (
        cell(one.model),
        str(one.pairs_count),
        f"{one.between_percent:.2f}",
        "" if one.within_percent is None else f"{one.within_percent:.2f}",
        f"{one.smallest_detectable_percent:.1f}",
    )


def pairs_csv(pairs: Sequence[RecordedPair]) -> str:
    """Every pair as a line of CSV, for other programs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for pair in pairs:
        facts = {**dataclasses.asdict(pair), **dataclasses.asdict(pair.result)}
        writer.writerow("" if facts[name] is None else facts[name] for name in _COLUMNS)
    return buffer.getvalue()
