"""Everything the page shows, as one JSON object: the page's script only draws, and computes nothing."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foundation.vocabulary import usual_int8_scheme
from harness.records.schema import COLUMNS
from reports.audit import conversions, differences, int8_scheme, operator_totals
from reports.banner import all_facts, main_facts
from reports.cautions import cautions, is_disturbed, usual_reference_ms
from reports.effects import effects, summarised
from reports.frontier import LATENCY_AXIS, accuracy_axis, labels_of, sources_of
from reports.groups import Group, frontiers, grouped
from reports.names import environment_names, short_names
from reports.notes import frontier_notes
from reports.pairs import Varying, exporter_name
from reports.pictures import style
from reports.published_latency import published_comparisons
from reports.ranks import rank_changes
from reports.records import records
from reports.runs import Runs
from reports.searched_for import searched_groups
from reports.training import ALONE, TRAININGS, Training, difference
from reports.variants import telling_columns

if TYPE_CHECKING:
    import pandas

_BOTH: tuple[Varying, ...] = ("precision", "exporter")
_ADDED = (
    "frontiers", "comparable", "accuracy_percent", "accuracy_kind", "training_data", "other_data", "disturbed", "group",
    "rank", "exporter_name", "label",
)  # fmt: skip


def payload(runs: Runs, training: Training = ALONE) -> dict[str, Any]:
    """The facts of the page, ready for `json.dumps`.

    Args:
        runs: the runs whose merged rows are shown, with the banner of each.
        training: the networks that the frontiers are among at first; the page has the facts for each choice.
    """
    groups = grouped(runs.rows)
    rows = [row for position, group in enumerate(groups) for row in _ranked_rows(group, position)]
    failed = [{**row, **dict.fromkeys(_ADDED)} for row in records(runs.rows[runs.rows["status"] != "ok"])]
    for row in failed:
        row["exporter_name"] = exporter_name(row["exporter"])
    audited = conversions([*rows, *failed])
    placed = _usual_placement_last({**row, "int8_scheme": int8_scheme(row)} for row in rows)
    found = {varying: effects(placed, varying) for varying in _BOTH}
    found["graph"] = effects(placed, "graph")
    found["int8_scheme"] = effects([row for row in placed if row["int8_scheme"]], "int8_scheme")
    facts = {
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "unit": column.unit,
                "description": column.description,
                "empty_when": column.empty_text if column.empty_when else "",
            }
            for column in COLUMNS
        ],
        "environments": _environments(runs),
        "notes": runs.notes,
        "training": training,
        "groups": [_group_facts(group) for group in groups],
        "sources": _sources(groups),
        "rows": _table([*rows, *failed]),
        "short": dict(_short_names(runs.rows)),
        "telling": telling_columns(runs.rows[runs.rows["status"] == "ok"]),
        "ranks": rank_changes(runs.rows),
        "published": published_comparisons(runs.rows, runs.stated),
        "searched": {training: searched_groups(runs.rows, runs.stated, training) for training in TRAININGS},
        "effects": found,
        "summaries": {varying: summarised(members) for varying, members in found.items()},
        "conversions": audited,
        "differences": {varying: differences(audited, varying) for varying in _BOTH},
        "operators": {varying: operator_totals(audited, varying) for varying in _BOTH},
    }
    return {name: clean(value) for name, value in facts.items()}


def _usual_placement_last(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in an order in which the usual placement of int8 is what a precision is judged by: the last counts."""
    return sorted(rows, key=lambda row: row["int8_scheme"] in ("", usual_int8_scheme(row["backend"])))


def _ranked_rows(group: Group, position: int) -> list[dict[str, Any]]:
    usual_ms = usual_reference_ms(group.rows)
    on = frontiers(group.rows)
    # The names are for every choice of training data; a point shows its name where it is on the frontier.
    labels = labels_of(dataclasses.replace(group, rows=group.rows.assign(frontier=list(map(bool, on)))))
    return [
        {
            **row,
            "frontiers": on[index],
            "disturbed": is_disturbed(row, usual_ms),
            "group": position,
            "rank": index + 1,
            "label": labels.get(index, ""),
            "exporter_name": exporter_name(row["exporter"]),
        }
        for index, row in enumerate(records(group.rows))
    ]


def _environments(runs: Runs) -> list[dict[str, Any]]:
    newest = {info.environment_id: info for info in sorted(runs.infos, key=lambda info: info.created_at)}
    names = environment_names(runs.rows)
    environments = []
    for environment_id, rows in runs.rows.groupby("environment_id", sort=False):
        info = newest.get(str(environment_id))
        ran = [(run, int((run.rows["environment_id"] == environment_id).sum())) for run in runs.members]
        environments.append(
            {
                "id": environment_id,
                "device": names[str(environment_id)],
                "facts": main_facts(rows, info),
                "all_facts": all_facts(info) if info else {},
                "runs": [
                    {"name": run.directory.name, "created_at": run.info.created_at, "rows": count}
                    for run, count in ran
                    if count
                ],
            }
        )
    return environments


def _group_facts(group: Group) -> dict[str, Any]:
    others = group.comparable[group.comparable["other_data"]]
    return {
        "environment_id": group.environment_id,
        "latency_kind": group.latency_kind,
        "batch": group.batch,
        "apart": group.apart,
        "count": len(group.rows),
        "classes": group.classes,
        "latency_axis": LATENCY_AXIS[group.latency_kind],
        "accuracy_axis": accuracy_axis(group),
        "cautions": cautions(group),
        "usual_data": group.usual_data,
        "other_data": difference(others["training_data"], group.usual_data),
        "frontier_notes": {training: frontier_notes(group.among(training)) for training in TRAININGS},
    }


def _sources(groups: Sequence[Group]) -> list[dict[str, str]]:
    # Those of the pictures first, so that they have the same colours there.
    drawn = sources_of(groups)
    names = drawn + sorted({str(name) for group in groups for name in group.rows["source"].unique()} - set(drawn))
    styles = [style(position) for position in range(len(names))]
    return [
        {"name": name, "colour": colour, "marker": marker} for name, (colour, marker) in zip(names, styles, strict=True)
    ]


def _short_names(rows: pandas.DataFrame) -> Iterable[tuple[str, str]]:
    models = [str(name) for name in rows["model"].unique()]
    return zip(models, short_names(models), strict=True)


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as one list of values each, under one list of names; a column without a value is left out."""
    names = [*(column.name for column in COLUMNS), *_ADDED]
    used = [name for name in names if any(row[name] not in (None, "") for row in rows)]
    return {"names": used, "values": [[row[name] for name in used] for row in rows]}


def clean(value: Any) -> Any:
    """The value for JSON: dataclasses as objects, times as text, and None instead of NaN and infinities."""
    # Most values are one of these; whether one is a mapping takes many times as long to find out.
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [clean(member) for member in value]
    if isinstance(value, Mapping):
        return {str(name): clean(member) for name, member in value.items()}
    if dataclasses.is_dataclass(value):
        return {name: clean(getattr(value, name)) for name in _field_names(value.__class__)}
    return value.isoformat() if hasattr(value, "isoformat") else value


@functools.cache
def _field_names(of: type) -> list[str]:
    return [field.name for field in dataclasses.fields(of)]
