"""Progress of the pairs for the user, while they are measured and after an interruption."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from foundation.wording import counted
from harness.comparison.pair import Pairing, PairResult
from harness.comparison.pair_journal import PairJournal
from harness.stats.trials import median
from harness.text.progress import Progress


class PairProgress:
    """Shows the user every pair as it is measured, and the results of a gate so far."""

    def __init__(self, journal: PairJournal) -> None:
        self._journal = journal
        self._bar: Progress | None = None
        self._asked: dict[str, int] = {}
        self._counted: dict[str, dict[str, list[PairResult]]] = {}

    def begin(self, stage: str, pairs: int) -> None:
        """See `harness.comparison.gate.Listener`."""
        self.end()
        if stage in self._asked:
            # The next of several gates.
            self._asked, self._counted = {}, {}
        self._asked[stage], self._counted[stage] = pairs, {}
        self._bar = Progress(stage, pairs) if pairs else None

    def pair(self, pairing: Pairing, result: PairResult) -> None:
        """See `harness.comparison.gate.Listener`."""
        newest = list(self._counted)[-1]
        self._counted[newest].setdefault(series_name(pairing), []).append(result)
        if self._bar is None:
            return
        if self._journal.replayed:
            self._bar.shorten(1)
        elif result.log_ratio is None:
            self._bar.step(f"{pairing.model}: {result.status}: {result.reason}", problem=True)
        else:
            disturbed = ", disturbed by others" if result.contaminated else ""
            self._bar.step(f"{pairing.model}: {100 * result.log_ratio:+.1f} %{disturbed}")

    def repeated(self, pairing: Pairing) -> None:
        """See `harness.comparison.gate.Listener`; only the pair that counts is shown."""

    def end(self) -> None:
        """Closes the progress bar."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def so_far(self) -> str:
        """The message of an interrupted gate: where its pairs are, and their medians, which are not verdicts."""
        counts = ", ".join(
            f"{sum(map(len, self._counted[stage].values()))} of {asked} pairs to {stage}"
            for stage, asked in self._asked.items()
            if asked
        )
        lines = [
            f"interrupted after {counts or 'no pair'}; they are in {self._journal.path}, and the same command resumes "
            "there"
        ]
        told = _told_by_series(self._counted)
        if told:
            lines.append("Medians so far, which are not verdicts:")
            lines += [f"  {name}: {', '.join(parts)}" for name, parts in told.items()]
        return "\n".join(lines)


def _told_by_series(counted_pairs: Mapping[str, Mapping[str, Sequence[PairResult]]]) -> dict[str, list[str]]:
    """The median and the failure of each stage's pairs, by series."""
    told: dict[str, list[str]] = {}
    for stage, by_series in counted_pairs.items():
        for name, results in by_series.items():
            logs = [one.log_ratio for one in results if one.log_ratio is not None]
            failed = next((f"{one.status}: {one.reason}" for one in results if one.status != "ok"), "")
            pairs = counted(len(logs), "pair")
            change = f"{stage} {100 * math.expm1(median(logs)):+.1f} % ({pairs})" if logs else ""
            told.setdefault(name, []).extend(part for part in (change, failed) if part)
    return told


def series_name(pairing: Pairing) -> str:
    """The series in words, unique within the gate."""
    base, new = pairing.base.form, pairing.new.form
    told = f"{pairing.model} ({base if base == new else f'{base} to {new}'}"
    return f"{told})" if pairing.batch == 1 else f"{told}, batch {pairing.batch})"
