"""Runtimes that one run measured side by side: a section of the report, and the same table as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.text.tables import table
from harness.text.wording import number_text
from reports.ranks import Rank, RankChange, rank_changes
from reports.text import FRONTIER_MARK, code, form_text, interval, significant
from reports.training import Training

if TYPE_CHECKING:
    import pandas

CSV_COLUMNS = (
    "model", "batch", "first_backend", "first_graph", "first_precision", "second_backend", "second_graph",
    "second_precision", "first_latency_ms", "second_latency_ms", "ratio", "ratio_low", "ratio_high", "first_rank",
    "second_rank", "first_on_frontier", "second_on_frontier", "kendall_tau",
)  # fmt: skip

_EXPLAINED = """\
Measured in the same rounds of one run. The ratio is the latency on the second runtime divided by that on the first,
trials paired by round: the median over the rounds and its 95 % interval. Ranks and frontiers (★) are among the models
that both measured.
"""


def side_by_side(rows: pandas.DataFrame) -> list[RankChange]:
    """The pairs of runtimes that one run measured in the same rounds, of at least three models.

    Args:
        rows: rows of results.csv, of one or more runs.
    """
    return [change for change in rank_changes(rows) if change.mean_ratio is not None]


def runtimes_section(changes: Sequence[RankChange], training: Training) -> list[str]:
    """Parts of the report; empty if there is no such pair.

    Args:
        changes: see `side_by_side`.
        training: the networks that the frontiers are among.
    """
    if not changes:
        return []
    parts = ["## Runtimes side by side\n", _EXPLAINED]
    for change in changes:
        first, second, shared = _names(change)
        parts += [
            f"### {', '.join([f'{second} over {first}', *shared])}\n",
            _summary(change, training, first, second),
            _models(change, training, first, second),
        ]
    return parts


def _names(change: RankChange) -> tuple[str, str, list[str]]:
    """What distinguishes the two, and what they share and a reader would not assume."""
    first, second = change.first, change.second
    shared = [] if first.batch == 1 else [f"batch {first.batch}"]
    if first.form == second.form:
        return first.backend, second.backend, [form_text(first), *shared]
    return f"{first.backend} {form_text(first)}", f"{second.backend} {form_text(second)}", shared


def _summary(change: RankChange, training: Training, first: str, second: str) -> str:
    on_first = {rank.model for rank in change.ranks if training in rank.first_frontiers}
    on_second = {rank.model for rank in change.ranks if training in rank.second_frontiers}
    tau = change.kendall_tau
    return table(
        ("", ""),
        [
            ("models", str(len(change.ranks))),
            ("Kendall's tau of the latencies", "" if tau is None else f"{tau:.3f}"),
            ("geometric mean of the ratios", significant(change.mean_ratio, 3)),
            (f"on the frontier of {first} only", _named(on_first - on_second)),
            (f"on the frontier of {second} only", _named(on_second - on_first)),
        ],
    )


def _named(models: set[str]) -> str:
    return ", ".join(code(model) for model in sorted(models)) or "none"


def _models(change: RankChange, training: Training, first: str, second: str) -> str:
    lines = [
        (
            code(rank.model),
            significant(rank.first_ms),
            significant(rank.second_ms),
            significant(rank.ratio, 3),
            interval(rank.ratio_low, rank.ratio_high),
            _rank(rank.first, training in rank.first_frontiers),
            _rank(rank.second, training in rank.second_frontiers),
        )
        for rank in change.ranks
    ]
    header = ("model", f"{first} ms", f"{second} ms", "ratio", "95 % interval", f"rank {first}", f"rank {second}")
    return table(header, lines, align="lrrrrrr")


def _rank(rank: int, on_frontier: bool) -> str:
    return f"{FRONTIER_MARK} {rank}" if on_frontier else str(rank)


def runtimes_csv(changes: Sequence[RankChange], training: Training) -> str:
    """The models of all pairs, one line each; arguments as for `runtimes_section`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for change in changes:
        for rank in change.ranks:
            writer.writerow(_csv_line(change, rank, training))
    return buffer.getvalue()


def _csv_line(change: RankChange, rank: Rank, training: Training) -> list[str]:
    numbers = (rank.first_ms, rank.second_ms, rank.ratio, rank.ratio_low, rank.ratio_high)
    return [
        rank.model,
        str(change.first.batch),
        *(text for one in (change.first, change.second) for text in (one.backend, one.graph, one.precision)),
        *(_number(value) for value in numbers),
        str(rank.first),
        str(rank.second),
        *(str(training in on).lower() for on in (rank.first_frontiers, rank.second_frontiers)),
        _number(change.kendall_tau),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else number_text(value)
