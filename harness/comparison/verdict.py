"""One verdict per series, and one for the whole comparison."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from foundation.vocabulary import GRAPHS
from harness.errors import ComparisonError
from harness.records.reader import MeasuredSeries, SeriesKey
from harness.stats.multiplicity import benjamini_hochberg, holm
from harness.stats.run_effect import run_effect_sd
from harness.stats.trials import median
from harness.stats.unpaired import Change, Samples, change, samples_of, smallest_detectable_percent, typical_sd

if TYPE_CHECKING:
    import pandas

Verdict = Literal["regressed", "not measured", "inconclusive", "improved", "same"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""In order of urgency."""

EXIT_CLEAN = 0
EXIT_REGRESSED = 1
EXIT_INCONCLUSIVE = 3
"""2 is a bad request, as everywhere."""

SLOW_PHASE = 1.15
"""A trial whose reference network took this much longer than in the run's typical trial belongs to a slow phase of the
machine, in which networks lose different shares of their speed. `docs/evidence.md` shows two such speeds."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """What counts as a change."""

    margin_percent: float = 0.5
    """Change that is tolerated: slower by more is a regression once it is certain."""
    threshold_percent: float = 3.0
    """Change that matters: an interval within it means `same`."""
    error_rate: float = 0.01
    """Probability of any false alarm among all series of the comparison (Holm)."""

    def verdict(
        self, p_slower: float, p_faster: float, low_percent: float | None, high_percent: float | None
    ) -> Verdict:
        """The verdict on a series that was measured.

        Args:
            p_slower: p-value of being slower by more than the margin, corrected for all series.
            p_faster: the same for being faster.
            low_percent: lower end of the change's 95 % interval; None if there are too few samples for one.
            high_percent: its upper end.
        """
        if p_slower <= self.error_rate:
            return "regressed"
        if p_faster <= self.error_rate:
            return "improved"
        if all(end is not None and abs(end) <= self.threshold_percent for end in (low_percent, high_percent)):
            return "same"
        return "inconclusive"


@dataclasses.dataclass(frozen=True)
class RunRules(Rules):
    """What counts as a change between two runs."""

    across_environments: bool = False
    """Whether runs of different environments are compared."""


@dataclasses.dataclass(frozen=True)
class SeriesComparison:
    """The comparison of one series."""

    key: SeriesKey
    verdict: Verdict
    reason: str = ""
    """Why it was not measured, or a caution."""
    change: Change | None = None
    latency_change_percent: float | None = None
    """Change of the plain latency, which varies with the machine."""
    base_latency_ms: float | None = None
    new_latency_ms: float | None = None
    smallest_detectable_percent: float | None = None
    suspect: bool = False
    """Whether it is on the advisory list of slow-downs, of which at most one in a hundred is a false alarm."""
    measured_as: str = ""
    """Model whose comparison this repeats, since both runs show the same trials for the two: one measurement, judged
    and counted once. Empty if it is judged itself."""


@dataclasses.dataclass(frozen=True)
class RunsComparison:
    """The comparison of two runs."""

    series: list[SeriesComparison]
    """Every series of either run, in the candidate's order and then those that only the baseline has."""
    reference_shift_percent: float
    """How much slower the reference network was in the candidate's trials, for the typical series."""
    run_effect_percent: float
    """Standard deviation of the change that this alone causes in such a series, and that its trials do not show."""

    def table(self) -> pandas.DataFrame:
        """One row per series: its key, verdict and reason, the change with its interval, and both latencies.

        Numbers are NaN if the series was not compared.
        """
        import pandas

        rows = []
        for one in self.series:
            change = one.change
            rows.append(
                {
                    **dataclasses.asdict(one.key),
                    "verdict": one.verdict,
                    "reason": one.reason,
                    "change_percent": change.percent if change else math.nan,
                    "change_low_percent": change.low_percent if change else math.nan,
                    "change_high_percent": change.high_percent if change else math.nan,
                    "base_latency_ms": one.base_latency_ms,
                    "new_latency_ms": one.new_latency_ms,
                    "latency_change_percent": one.latency_change_percent,
                    "smallest_detectable_percent": one.smallest_detectable_percent,
                    "suspect": one.suspect,
                    "measured_as": one.measured_as,
                }
            )
        frame = pandas.DataFrame(rows)
        numbers = [name for name in frame.columns if name.endswith(("_percent", "_ms"))]
        return frame.astype({"batch": int, **dict.fromkeys(numbers, float)})


def compare_runs(
    base: Mapping[SeriesKey, MeasuredSeries], new: Mapping[SeriesKey, MeasuredSeries], rules: RunRules
) -> RunsComparison:
    """Compares all series that two runs have in common. Series that share their trials in both runs are judged once.

    Raises:
        ComparisonError: the runs have no series in common, or were measured in different environments.
    """
    base = _with_the_graphs_of(new, base)
    common = [key for key in new if key in base]
    if not common:
        raise ComparisonError(
            f"the runs have no series in common: the baseline has {_some(base)}, the candidate {_some(new)}. "
            "Measure the same models on the same backend, precision and batch."
        )
    caution = _environments(base, new, common, rules)
    alike = [key for key in common if base[key].held == new[key].held]
    judged_as = _judged_as(base, new, alike)
    samples = _samples(base, new, [key for key in alike if judged_as[key] == key])
    # Another environment is another speed: its effect is not run-to-run noise, and every line says so.
    shifts = {key: 0.0 if caution else shift for key, (_, shift) in samples.items()}
    compared = {
        key: dataclasses.replace(
            found,
            reason="; ".join(filter(None, (caution, _other_operators(base[key], new[key])))),
            latency_change_percent=100 * (median(new[key].latencies_ms) / median(base[key].latencies_ms) - 1),
            base_latency_ms=median(base[key].latencies_ms),
            new_latency_ms=median(new[key].latencies_ms),
        )
        for key, found in _judged({key: one for key, (one, _) in samples.items()}, shifts, rules).items()
    }
    keys = [*new, *(key for key in base if key not in new)]
    series = []
    for key in keys:
        judged = judged_as.get(key, key)
        found = compared.get(judged) or _unmeasured(key, base.get(key), new.get(key))
        series.append(dataclasses.replace(found, key=key, measured_as="" if judged == key else judged.model))
    shift = median(list(shifts.values())) if shifts else 0.0
    return RunsComparison(series, 100 * math.expm1(shift), 100 * math.expm1(run_effect_sd(shift)))


def _with_the_graphs_of(
    new: Mapping[SeriesKey, MeasuredSeries], base: Mapping[SeriesKey, MeasuredSeries]
) -> dict[SeriesKey, MeasuredSeries]:
    """The baseline, in which a series that both runs have in one graph each has the key that it has in the other."""
    found = {}
    for key, series in base.items():
        others = [dataclasses.replace(key, graph=graph) for graph in GRAPHS if graph != key.graph]
        in_new = [other for other in others if other in new]
        alone = key not in new and not any(other in base for other in others)
        found[in_new[0] if alone and in_new else key] = series
    return found


def _judged_as(
    base: Mapping[SeriesKey, MeasuredSeries], new: Mapping[SeriesKey, MeasuredSeries], common: Sequence[SeriesKey]
) -> dict[SeriesKey, SeriesKey]:
    """By series, the one whose verdict it has: one of those with the same trials in both runs.

    The runs may have measured the artifact as different models: what counts are the trials that both show.
    """
    # First those with trials of their own in the candidate, then those in the baseline.
    ordered = sorted(common, key=lambda key: (bool(new[key].measured_as), bool(base[key].measured_as)))
    judged: dict[tuple[SeriesKey, SeriesKey], SeriesKey] = {}
    return {key: judged.setdefault((base[key].measured_key, new[key].measured_key), key) for key in ordered}


def _judged(
    samples: Mapping[SeriesKey, Samples], shifts: Mapping[SeriesKey, float], rules: Rules
) -> dict[SeriesKey, SeriesComparison]:
    """The change and the verdict of each series, the p-values corrected for all of them together."""
    typical = typical_sd(list(samples.values()))
    changes = {
        key: change(one, typical, rules.margin_percent, run_effect_sd(shifts[key])) for key, one in samples.items()
    }
    p_slower = [one.p_slower for one in changes.values()]
    slower, faster = holm(p_slower), holm([one.p_faster for one in changes.values()])
    suspects = benjamini_hochberg(p_slower) <= rules.error_rate
    found = {}
    for position, (key, one) in enumerate(changes.items()):
        found[key] = SeriesComparison(
            key,
            rules.verdict(float(slower[position]), float(faster[position]), one.low_percent, one.high_percent),
            change=one,
            smallest_detectable_percent=smallest_detectable_percent(
                samples[key],
                typical,
                margin_percent=rules.margin_percent,
                error_rate=rules.error_rate / len(changes),
                run_effect_sd=run_effect_sd(shifts[key]),
            ),
            suspect=bool(suspects[position]),
        )
    return found


def exit_code(verdicts: Collection[Verdict]) -> int:
    """The exit code of a command: regressed before inconclusive; a series that was not measured is inconclusive too."""
    if "regressed" in verdicts:
        return EXIT_REGRESSED
    return EXIT_INCONCLUSIVE if {"inconclusive", "not measured"} & set(verdicts) else EXIT_CLEAN


def steady_trials(series: MeasuredSeries, fast_reference_ms: float) -> list[int]:
    """The indices of the trials outside slow phases of the machine; all if too few are left."""
    found = [index for index, time_ms in enumerate(series.references_ms) if time_ms <= SLOW_PHASE * fast_reference_ms]
    return found if len(found) >= min(3, len(series.ratios)) else list(range(len(series.ratios)))


def _samples(
    base: Mapping[SeriesKey, MeasuredSeries], new: Mapping[SeriesKey, MeasuredSeries], common: list[SeriesKey]
) -> dict[SeriesKey, tuple[Samples, float]]:
    """The trials of each series that count, and how much slower the reference network was in the candidate's.

    The faster run decides what is a slow phase, since the other may have been in one throughout.
    """
    fast_ms = min(_fast_reference_ms(run) for run in (base, new))
    found = {}
    for key in common:
        chosen = [steady_trials(run[key], fast_ms) for run in (base, new)]
        ratios, references = (
            [[getattr(run[key], name)[index] for index in kept] for run, kept in zip((base, new), chosen, strict=True)]
            for name in ("ratios", "references_ms")
        )
        one = samples_of(*ratios)
        if one is not None:
            found[key] = one, math.log(median(references[1]) / median(references[0]))
    return found


def _fast_reference_ms(run: Mapping[SeriesKey, MeasuredSeries]) -> float:
    """The speed to which the machine returns, from the run's faster half."""
    measured = {series.measured_key: series for series in run.values()}
    times = [time for series in measured.values() for time in series.references_ms]
    return statistics.quantiles(times, n=4)[0] if len(times) > 1 else (times or [0.0])[0]


def _other_operators(base: MeasuredSeries, new: MeasuredSeries) -> str:
    """The caution if the two used different libraries of custom operators; empty if they did not."""
    same = base.custom_operators_sha256 == new.custom_operators_sha256
    return "" if same else "the libraries of custom operators differ"


def _unmeasured(key: SeriesKey, base: MeasuredSeries | None, new: MeasuredSeries | None) -> SeriesComparison:
    for side, series in (("baseline", base), ("candidate", new)):
        if series is None:
            return SeriesComparison(key, "not measured", f"the {side} does not have it")
        if series.status != "ok":
            return SeriesComparison(key, "not measured", f"{side}: {series.status}: {series.reason}")
    if base and new and base.held != new.held:
        texts = [one.inputs or "values by their types" for one in (base, new)]
        told = f"{texts[0]} in the baseline, {texts[1]} in the candidate"
        if texts[0] == texts[1]:
            told = f"{texts[0]}, which changed between the runs"
        return SeriesComparison(key, "not measured", f"its inputs held {told}: measure both with the same")
    return SeriesComparison(
        key, "not measured", "a single trial on one side says nothing about the spread: run --rounds 5"
    )


def _environments(
    base: Mapping[SeriesKey, MeasuredSeries],
    new: Mapping[SeriesKey, MeasuredSeries],
    common: list[SeriesKey],
    rules: RunRules,
) -> str:
    """The caution for every line if the environments differ and that is allowed; empty if they do not."""
    for key in common:
        one, other = base[key], new[key]
        if one.latency_kind and other.latency_kind and one.latency_kind != other.latency_kind:
            raise ComparisonError(
                f"{key}: the baseline's latency is {one.latency_kind}, the candidate's {other.latency_kind}. "
                "Such times are never compared."
            )
        if one.environment_id != other.environment_id:
            devices = f"{one.device} ({one.environment_id}) against {other.device} ({other.environment_id})"
            if not rules.across_environments:
                raise ComparisonError(
                    f"the runs were measured in different environments: {devices}. A difference may be due to "
                    "the environment; --across-environments compares them anyway. `run.json` of each has the facts."
                )
            return f"across environments: {devices}"
    return ""


def _some(run: Mapping[SeriesKey, MeasuredSeries]) -> str:
    names = [str(key) for key in run]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
