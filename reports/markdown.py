"""results.md: one table per environment, sorted by latency, with the frontier marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foundation.vocabulary import PROBE
from harness.text.tables import cell, table
from reports.accuracy import accuracy_section, evaluated_only
from reports.banner import banner
from reports.cautions import DISTURBED_MARK, cautions, is_disturbed, usual_reference_ms
from reports.conditions import conditions_section
from reports.groups import Group, grouped
from reports.names import environment_names
from reports.notes import frontier_notes
from reports.published_section import published_section
from reports.records import records
from reports.runtimes import runtimes_section, side_by_side
from reports.text import FRONTIER_MARK, code, interval, significant
from reports.training import ALONE, Training
from reports.variants import column_texts, column_title, telling_columns

if TYPE_CHECKING:
    import pandas

    from harness.records.run_info import RunInfo
    from harness.records.series import Series

NONE_STATED: Mapping[str, Series] = {}

SHARED_MARK = "≡"

_KINDS = {
    "host": "host time of one inference",
    "gpu_compute": "GPU compute time of one inference, between CUDA events",
}

_NOTES = f"""\
## How to read it

- **latency**: median over the trials of the trials' medians; a trial is a fresh process. The 95 % interval
  is taken over the trials: Student's t for up to seven, a bootstrap from eight. With two trials it is wide. This
  run does not distinguish rows whose intervals overlap.
- **x reference**: latency divided by that of the reference network, measured in alternating blocks of the same
  trial. On a shared machine it varies far less than the time: use it to compare runs.
- **top-1**: `m` is measured with images on this artifact; `p` is published by the release and was not
  checked here. A dagger (†) marks seeded weights in place of the released ones: the accuracy can only be
  the published one, and the latency is that of the architecture.
- **{FRONTIER_MARK}**: on the latency/accuracy frontier: no other row of the table is at least as fast and as
  accurate, and better in one of the two. A row without an accuracy, as of a user network without images, is
  never on it. Nor is a network that learned from more than the usual data set, directly or through its teacher (its row
  says from what), unless `python -m harness report DIR --training any` puts the frontier among all networks.
- **{DISTURBED_MARK}**: other programs used the processor during more than half of the row's timed blocks, or the
  reference network took over 15 % longer than in the run's other rows, as in a slow phase of a shared machine.
  Such a figure, and its ratio too, may be far off: measure more rounds, on an idle machine.
- Everything else about a row is in `results.csv`, column by column as `docs/columns.md` explains.
"""


_SHARED_NOTE = f"""\
- **{SHARED_MARK}**: the row shows the trials of another row with the same artifact, which is measured once a run: that
  of the model which `measured_as` in `results.csv` names, or of the native graph where nothing is fused.
"""


def render(
    rows: pandas.DataFrame,
    run_infos: Sequence[RunInfo],
    pictures: Sequence[str] = (),
    training: Training = ALONE,
    stated: Mapping[str, Series] = NONE_STATED,
) -> str:
    """The report as markdown.

    Rows of different environments are never in one table, nor are rows of different batch sizes or
    kinds of latency.

    Args:
        rows: rows of results.csv, as `harness.records.table.load_rows` reads them; of several runs if concatenated.
        run_infos: run.json of each run; the banner of an environment uses the newest with its id.
        pictures: paths of pictures to show, relative to the report.
        training: the networks that the frontier is among.
        stated: what the releases state of latencies and searches, as `reports.runs.Runs.stated`.
    """
    infos = {info.environment_id: info for info in sorted(run_infos, key=lambda info: info.created_at)}
    names = environment_names(rows)
    parts = ["# Latency against accuracy\n"]
    if rows.empty:
        parts.append("Nothing is planned or measured yet.\n")
    if rows["environment_id"].nunique() > 1:
        parts.append("Rows of different environments are not comparable: each environment has its own table.\n")
    parts += [f"![Latency against accuracy]({picture})\n" for picture in pictures]
    for environment_id, members in rows.groupby("environment_id", sort=False):
        name = names[str(environment_id)]
        parts += _environment_section(members, name, infos.get(str(environment_id)), training, stated)
    parts += runtimes_section(side_by_side(rows), training)
    parts.append(_NOTES + (_SHARED_NOTE if (rows["measured_as"] != "").any() else ""))
    return "\n".join(parts)


def _environment_section(
    rows: pandas.DataFrame, name: str, info: RunInfo | None, training: Training, stated: Mapping[str, Series]
) -> list[str]:
    parts = [f"## {cell(name)}\n", banner(rows, info)]
    for group in grouped(rows, training):
        parts += [
            f"### {_conditions(group)}: {_KINDS[group.latency_kind]}\n",
            *_warnings(group),
            _ranking(group),
        ]
    return [
        *parts,
        *accuracy_section(rows),
        *published_section(rows, stated, training),
        *evaluated_only(rows),
        *conditions_section(rows),
        *_failures(rows),
        *_partial_failures(rows),
    ]


def _conditions(group: Group) -> str:
    return ", ".join([f"Batch {group.batch}", *group.apart])


def _warnings(group: Group) -> list[str]:
    warnings = [f"> **Warning**: {caution}\n" for caution in cautions(group)]
    return warnings + [f"> {note}\n" for note in frontier_notes(group)]


def _ranking(group: Group) -> str:
    rows = group.rows
    usual_ms = usual_reference_ms(rows)
    # A column with the same value in every row is noise; the banner has it.
    varying = [name for name in ("backend", "precision") if rows[name].nunique() > 1]
    telling = {name: column_texts(rows, name) for name in telling_columns(rows)}
    trained = [f"trained on, if not {group.usual_data} alone"] if rows["other_data"].any() else []
    header = (
        "#", "", "model", *varying, *map(column_title, telling), "latency ms", "95 % interval", "x reference",
        "95 % interval", "top-1 %", *trained, "params M", "MACs G", "trials",
    )  # fmt: skip
    lines = [
        (
            str(rank),
            FRONTIER_MARK if row["frontier"] else "",
            code(row["model"]),
            *(cell(row[name]) for name in varying),
            *(cell(texts[rank - 1]) for texts in telling.values()),
            significant(row["latency_median_ms"]),
            interval(row["latency_low_ms"], row["latency_high_ms"]),
            significant(row["ratio_to_reference"]),
            interval(row["ratio_low"], row["ratio_high"]),
            _accuracy(row, group.classes),
            *(cell(row["training_data"] if row["other_data"] else "") for _ in trained),
            _scaled(row["parameters"], 1e6),
            _scaled(row["macs"], 1e9),
            _trials(row, usual_ms),
        )
        for rank, row in enumerate(records(rows), start=1)
    ]
    align = ("rll", "l" * (len(varying) + len(telling)), "rrrrr", "l" * len(trained), "rrr")
    return table(header, lines, align="".join(align))


def _accuracy(row: dict[str, Any], usual_classes: int | None) -> str:
    if not row["accuracy_kind"]:
        return ""
    text = f"{row['accuracy_percent']:.2f} {row['accuracy_kind'][0]}"
    if row["weights"] == PROBE:
        text += "†"
    if row["classes"] != usual_classes:
        text += f" ({row['classes'] or 'unknown'} classes: not ranked)"
    return text


def _scaled(count: int | None, unit: float) -> str:
    return "" if count is None else significant(count / unit, 3)


def _trials(row: dict[str, Any], usual_reference_ms: float | None) -> str:
    failed = row["trials_failed_count"]
    text = f"{row['trials_count']} ({failed} failed)" if failed else str(row["trials_count"])
    marks = [SHARED_MARK] if row["measured_as"] else []
    if is_disturbed(row, usual_reference_ms):
        marks.append(DISTURBED_MARK)
    return " ".join([text, *marks])


def _failures(rows: pandas.DataFrame) -> list[str]:
    neither = (rows["status"] != "ok") & rows["accuracy_measured_top1_percent"].isna()
    return _reasons(rows[neither], "Not measured")


def _partial_failures(rows: pandas.DataFrame) -> list[str]:
    return _reasons(rows[(rows["status"] == "ok") & (rows["reason"] != "")], "Measured, with failed trials")


def _reasons(rows: pandas.DataFrame, title: str) -> list[str]:
    if rows.empty:
        return []
    lines = [
        (
            code(row["model"]),
            cell(row["backend"]),
            cell(row["precision"]),
            str(row["batch"]),
            row["status"].replace("_", " "),
            cell(row["reason"]),
        )
        for row in records(rows)
    ]
    return [f"### {title}\n", table(("model", "backend", "precision", "batch", "status", "reason"), lines)]
