"""What a sweep found: of each series, the changes from version to version."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.comparison.gate import GateResult
from harness.comparison.pair import Pairing
from harness.comparison.pair_progress import series_name
from harness.comparison.verdict import Verdict
from harness.sweep.plan import compared


@dataclasses.dataclass(frozen=True)
class Change:
    """A series in two versions."""

    older: str
    newer: str
    result: GateResult


@dataclasses.dataclass(frozen=True)
class SweptSeries:
    """A series in every version."""

    pairing: Pairing
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Why a version did not measure it, by the version."""
    changes: tuple[Change, ...] = ()
    """Between neighbours, from old to new."""
    whole: Change | None = None
    """From the oldest to the newest; None if there is but one change."""
    measured_as: str = ""
    """Model whose changes these repeat, since both have the same artifact; empty if it was measured itself."""

    @property
    def name(self) -> str:
        """The series in words."""
        return series_name(self.pairing)

    @property
    def every_change(self) -> tuple[Change, ...]:
        """Between neighbours, then over all versions."""
        return (*self.changes, self.whole) if self.whole else self.changes

    @property
    def verdicts(self) -> list[Verdict]:
        """Those of every change, and one for each version that did not measure it."""
        missing: list[Verdict] = ["not measured"] * len(self.missing)
        return [one.result.verdict for one in self.every_change] + missing

    @property
    def slower_from(self) -> str:
        """The first version with which it is slower than with the one before it; empty if there is none."""
        return next((one.newer for one in self.changes if one.result.verdict == "regressed"), "")

    @property
    def remark(self) -> str:
        """What the versions together say that no single change does; may be empty."""
        if self.whole is None:
            return ""
        verdict = self.whole.result.verdict
        if verdict == "regressed" and not self.slower_from:
            return f"slower with {self.whole.newer} than with {self.whole.older}, by changes too small to be named"
        if verdict in ("same", "improved") and self.slower_from:
            return f"no longer with {self.whole.newer}"
        return ""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """All series in all versions."""

    package: str
    versions: Sequence[str]
    """Every version that was asked for, in ascending order."""
    runtimes: Mapping[str, Mapping[str, str]]
    """The packages of each version's environment that a latency may depend on, by the version."""
    failures: Mapping[str, str]
    """Why a version could not be installed or imported, by the version."""
    series: Sequence[SweptSeries]
    seeds: Mapping[str, int]
    """Seed of each gate, by the versions that it compared."""

    @property
    def verdicts(self) -> list[Verdict]:
        """Those of all series."""
        return [verdict for one in self.series for verdict in one.verdicts]

    def to_json(self) -> dict[str, Any]:
        """Everything, including every pair."""
        series = [{**dataclasses.asdict(one), "slower_from": one.slower_from} for one in self.series]
        return {**dataclasses.asdict(self), "series": series}


def swept(
    pairing: Pairing,
    versions: Sequence[str],
    missing: Mapping[str, str],
    results: Mapping[tuple[str, str], Mapping[Pairing, GateResult]],
    measured: Pairing,
) -> SweptSeries:
    """A series of the sweep from the results of the gates.

    Args:
        pairing: the series.
        versions: every version, in ascending order.
        missing: why a version did not measure it.
        results: of every gate, by its two versions.
        measured: the series that was measured in its place, perhaps itself.
    """
    able = [version for version in versions if version not in missing]
    every = [Change(*pair, results[pair][measured]) for pair in compared(able)]
    neighbours = max(0, len(able) - 1)
    return SweptSeries(
        pairing,
        missing,
        tuple(every[:neighbours]),
        every[neighbours] if len(every) > neighbours else None,
        "" if measured == pairing else measured.model,
    )
