"""What conversion costs: one row per model in CSV, and in Markdown with what changes in the order of the models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.comparison.conversion_cost import Cost, CostRatio
from harness.files.storage import explained, replace_text
from harness.machine.environment import Environment
from harness.text.tables import cell, table
from harness.text.wording import SIGNIFICANT_DIGITS
from reports.cautions import DISTURBED_MARK
from reports.groups import ranked
from reports.ranks import kendall_tau
from reports.records import records
from reports.text import FRONTIER_MARK, code, interval, significant

if TYPE_CHECKING:
    import pandas

CSV_NAME = "conversion_cost.csv"
REPORT_NAME = "conversion_cost.md"

FORMS = ("native", "fused", "framework")
"""The three forms of a network that are ranked."""

SLOWER = 1.02
"""A fused graph that takes this much longer than the exported one is named."""

_SOURCE_FACTS = (
    "model", "source", "resolution", "classes", "parameters", "macs", "accuracy_published_top1_percent",
    "accuracy_published_training_data", "weights", "backend", "precision", "batch", "exporter", "opset",
)  # fmt: skip

_COUNTS = ("resolution", "classes", "parameters", "macs", "batch", "opset")

_HOW_TO_READ = f"""\
## How to read it

- **fused / native**: the latency of the graph with operators put back, divided by that of the graph as the exporter
  wrote it; 1 where nothing is put back, since both are one file. docs/graphs.md says what each rule puts back.
- **framework / native**: the latency in the framework itself (docs/frameworks.md), divided by that of the exported
  graph.
- Each is the median over pairs of measurements, with the 95 % interval over these pairs (Student's t for up to seven).
  A pair is a fresh process that holds both and times them in alternating blocks.
- **{DISTURBED_MARK}**: others disturbed more than half of the pairs throughout: measure again on an idle machine.
- **rank**: place among the models that were measured in all the forms shown, the fastest first; {FRONTIER_MARK}: on the
  frontier of these models, as in `results.md`.
"""


def write_costs(output: Path, costs: Sequence[Cost], environment: Environment) -> list[Path]:
    """Writes CSV and Markdown into a folder, which is made if there is none.

    Args:
        output: the folder.
        costs: the cost of each model.
        environment: what it was measured in.

    Returns:
        The two files.

    Raises:
        StorageError: they cannot be written.
    """
    frame = cost_table(costs, environment)
    paths = [output / CSV_NAME, output / REPORT_NAME]
    with explained(output):
        output.mkdir(parents=True, exist_ok=True)
    replace_text(paths[0], frame.to_csv(index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n"))
    replace_text(paths[1], render(frame))
    return paths


def cost_table(costs: Sequence[Cost], environment: Environment) -> pandas.DataFrame:
    """One row per model; docs/conversion_cost.md explains the columns."""
    import pandas

    frame = pandas.DataFrame([_row(one, environment) for one in costs])
    frame = frame.astype({**dict.fromkeys(_COUNTS, "Int64"), "accuracy_published_top1_percent": float})
    for form in FORMS:
        frame[f"{form}_rank"] = pandas.array([None] * len(frame), "Int64")
        frame[f"{form}_frontier"] = False
    return _with_ranks(frame)


def _row(cost: Cost, environment: Environment) -> dict[str, Any]:
    native = cost.converted.native
    facts = {name: getattr(native, name) for name in _SOURCE_FACTS}
    return {
        **facts,
        "native_ms": _number(cost.native_ms),
        "fusion": ", ".join(f"{rule} {count}" for rule, count in cost.converted.rules.items()),
        **_ratio("fused", cost.fused),
        "framework": cost.converted.framework,
        **_ratio("framework", cost.framework),
        "measured_as": cost.measured_as,
        "environment_id": environment.environment_id,
        "device": environment.device,
        "reason": cost.failures,
    }


def _ratio(form: str, measured: CostRatio | None) -> dict[str, Any]:
    ratio = measured or CostRatio(None)
    return {
        f"{form}_over_native": _number(ratio.median),
        f"{form}_over_native_low": _number(ratio.low),
        f"{form}_over_native_high": _number(ratio.high),
        f"{form}_pairs_count": ratio.pairs_count,
        f"{form}_disturbed_count": ratio.disturbed_count,
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _with_ranks(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The table with places and frontiers in each form that was measured, among the models that have all of them."""
    import pandas

    known = [form for form in FORMS if form == "native" or frame[f"{form}_over_native"].notna().any()]
    compared = frame["native_ms"].notna()
    for form in known[1:]:
        compared &= frame[f"{form}_over_native"].notna()
    for form in known:
        over_native = 1.0 if form == "native" else frame[f"{form}_over_native"]
        rows = frame.assign(
            latency_median_ms=frame["native_ms"] * over_native,
            accuracy_measured_top1_percent=math.nan,
            accuracy_classes_covered_count=pandas.array([None] * len(frame), "Int64"),
        )[compared]
        if rows.empty:
            continue
        places = ranked(rows).set_index("model")
        rank = rows["latency_median_ms"].rank(method="min").astype("Int64")
        frame.loc[rows.index, f"{form}_rank"] = rank
        frame.loc[rows.index, f"{form}_frontier"] = rows["model"].map(places["frontier"]).astype(bool)
    return frame


def render(frame: pandas.DataFrame) -> str:
    """The table in Markdown, with what changes in the order of the models and on the frontier.

    Args:
        frame: from `cost_table`.
    """
    parts = ["# What conversion costs\n"]
    if not frame.empty:
        first = frame.iloc[0]
        parts.append(f"{cell(first['device'])}, {first['backend']}, {first['precision']}, batch {first['batch']}.\n")
        parts += [table(("", ""), _summary(frame)), _table(frame), *_failures(frame)]
    return "\n".join([*parts, _HOW_TO_READ])


def _summary(frame: pandas.DataFrame) -> list[tuple[str, str]]:
    own = frame[frame["measured_as"].fillna("") == ""]
    changed = own[own["fused_pairs_count"] > 0]
    ratios = changed["fused_over_native"]
    lines = [
        ("networks measured", str(int(own["native_ms"].notna().sum()))),
        ("of them with something to fuse", str(len(changed))),
        ("fused / native there, geometric mean", significant(_mean(ratios), 3)),
        ("largest gain", _extreme(changed, ratios.idxmin() if len(ratios) else None)),
        (f"slower than {SLOWER:g} by fusing", _named(changed[ratios > SLOWER]["model"])),
    ]
    for framework, rows in own[own["framework_over_native"].notna()].groupby("framework"):
        lines.append((f"{framework} / native, geometric mean", significant(_mean(rows["framework_over_native"]), 3)))
    return lines + [line for form in FORMS[1:] for line in _order_changes(frame, form)]


def _order_changes(frame: pandas.DataFrame, form: str) -> list[tuple[str, str]]:
    """What a form changes in the order of the models and on the frontier; empty if it was not measured."""
    rows = frame[frame[f"{form}_rank"].notna()]
    if len(rows) < 2:
        return []
    native, changed = (rows[f"{one}_frontier"].astype(bool) for one in ("native", form))
    own = rows[rows["measured_as"].fillna("") == ""]
    tau = kendall_tau(own["native_rank"].astype(float).to_list(), own[f"{form}_rank"].astype(float).to_list())
    return [
        (f"Kendall's tau, native and {form}", significant(tau, 3)),
        (f"on the frontier of {form} only", _named(rows[changed & ~native]["model"])),
        (f"on the frontier of native only, beside {form}", _named(rows[native & ~changed]["model"])),
    ]


def _mean(ratios: pandas.Series[float]) -> float | None:
    known = ratios.dropna()
    return math.exp(sum(map(math.log, known)) / len(known)) if len(known) else None


def _extreme(frame: pandas.DataFrame, index: Any) -> str:
    if index is None:
        return "none"
    return f"{code(frame.loc[index, 'model'])}, {significant(float(frame.loc[index, 'fused_over_native']), 3)}"


def _named(models: pandas.Series[str]) -> str:
    return ", ".join(code(model) for model in models) or "none"


def _table(frame: pandas.DataFrame) -> str:
    header = (
        "model", "native ms", "fused / native", "95 % interval", "put back", "framework / native", "95 % interval",
        "rank native", "rank fused", "rank framework",
    )  # fmt: skip
    ordered = frame.sort_values(["native_ms", "model"], na_position="last")
    return table(header, [_cells(row) for row in records(ordered)], align="lrrrlrrrrr")


def _cells(row: dict[str, Any]) -> list[str]:
    shared = f" (as {code(row['measured_as'])})" if row["measured_as"] else ""
    cells = [code(row["model"]) + shared, significant(row["native_ms"])]
    cells += [_over_native(row, "fused"), _interval(row, "fused"), cell(row["fusion"] or "")]
    cells += [_over_native(row, "framework"), _interval(row, "framework")]
    return cells + [_rank(row, form) for form in FORMS]


def _over_native(row: dict[str, Any], form: str) -> str:
    ratio = significant(row[f"{form}_over_native"], 3)
    disturbed = 2 * row[f"{form}_disturbed_count"] > row[f"{form}_pairs_count"]
    return f"{ratio} {DISTURBED_MARK}" if disturbed else ratio


def _interval(row: dict[str, Any], form: str) -> str:
    return interval(row[f"{form}_over_native_low"], row[f"{form}_over_native_high"])


def _rank(row: dict[str, Any], form: str) -> str:
    rank = row[f"{form}_rank"]
    if rank is None:
        return ""
    return f"{FRONTIER_MARK} {rank:.0f}" if row[f"{form}_frontier"] else f"{rank:.0f}"


def _failures(frame: pandas.DataFrame) -> list[str]:
    rows = frame[frame["reason"].fillna("") != ""]
    if rows.empty:
        return []
    lines = [(code(row["model"]), cell(row["reason"])) for row in records(rows)]
    return ["## Not measured\n", table(("model", "reason"), lines)]
