"""Whether TensorRT for RTX takes the zoo: it parses and builds the artifacts of each model in fp32, fp16 and int8.

It needs no GPU, and runs nothing. Run it on an idle machine: builds follow each other, so that their seconds compare.

    python benchmarks/tensorrt_rtx_table.py --models all --machine "two cores of a server processor"
    python benchmarks/tensorrt_rtx_table.py --write-only

An interrupted call resumes: what the CSV has of an artifact, precision and version is not judged again. Missing
artifacts are converted. The document beside the CSV is then written from all of its rows.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import csv_rows

from foundation.cache import default_cache_dir
from foundation.vocabulary import PRECISIONS
from foundation.wording import counted, listed, one_line
from harness import backends
from harness.artifacts.conversions import convert_all
from harness.artifacts.parsing import ParserVerdict, judge
from harness.artifacts.request import ArtifactRequest
from harness.machine.environment import default_threads
from harness.records.series import Series
from harness.text.console import say

BACKEND = "tensorrt-rtx"

COLUMNS = (
    "model",
    "precision",
    "same_as",
    "status",
    "parsed",
    "reason",
    "network_layers",
    "parse_s",
    "build_s",
    "engine_mib",
    "artifact_mib",
    "engine_over_artifact",
    "warnings",
    "memory_peak_mib",
    "artifact_sha256",
    "exporter",
    "opset",
    "library",
    "machine",
)
KEY = ("model", "precision")
Rows = Sequence[dict[str, str]]

_DIGITS_OF_DIGEST = 16
_BUILD_TIMEOUT_S = 3600.0
_WARNINGS_BETWEEN = " | "
_DOCUMENT = """\
# Which models TensorRT for RTX takes

Every model of the zoo in fp32, fp16 and int8 (generated calibration images, scheme `tensorrt`): the real library parsed
and built each artifact, one after another, each in its own process, by `benchmarks/tensorrt_rtx_table.py`. Building
needs no GPU, and nothing was run: that an engine was built does not say how fast it is or what it computes
([gpu.md](gpu.md#tensorrt-for-rtx)). Models with equal artifacts share one build and have one row each.

- Library: {libraries}, engines for its default GPUs.
- Artifacts: probe weights, opset {opsets}, made by {exporters}.
- Machine: {machines}. Seconds and memory are this machine's; only their ratios carry over.

A build's seconds are those of parsing and building, its memory is the largest resident set of its process, and *ratio*
is the size of the engine over that of the artifact. All figures: [{csv}]({csv})."""


def row_of(series: Series, verdict: ParserVerdict, fixed: dict[str, str], hidden: Path) -> dict[str, Any]:
    """The row of one model in one precision.

    Args:
        series: the model's.
        verdict: on its artifact.
        fixed: the columns that are the same in all rows.
        hidden: a folder of this machine that no row names.
    """
    engine = verdict.engine
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | fixed
    row |= {
        "model": series.model,
        "precision": series.precision,
        "same_as": "" if verdict.model == series.model else verdict.model,
        "status": verdict.status,
        "parsed": {True: "yes", False: "no", None: ""}[verdict.parsed],
        "reason": one_line(verdict.reason.replace(str(hidden), "CACHE")),
        "artifact_sha256": series.artifact_sha256[:_DIGITS_OF_DIGEST],
        "exporter": series.exporter,
        "opset": series.opset or "",
        "artifact_mib": "" if series.artifact_mib is None else f"{series.artifact_mib:.3f}",
    }
    if engine is not None and series.artifact_mib:
        facts = engine.facts
        row |= {
            "network_layers": facts.network_layers,
            "parse_s": f"{facts.parse_s:.3f}",
            "build_s": f"{engine.build_s:.3f}",
            "engine_mib": f"{engine.size_mib:.3f}",
            "engine_over_artifact": f"{engine.size_mib / series.artifact_mib:.4f}",
            "warnings": _WARNINGS_BETWEEN.join(map(one_line, facts.warnings)),
            "memory_peak_mib": f"{facts.memory_peak_mib:.1f}",
        }
    return row


def identity(row: dict[str, Any]) -> tuple[str, str, str]:
    """What a verdict is of; its first part is empty if the conversion failed."""
    return row["artifact_sha256"], row["precision"], row["library"]


def open_series(series: Sequence[Series], rows: Rows, library: str) -> tuple[list[Series], list[dict[str, str]]]:
    """What has to be judged, each artifact once, and the rows of models whose artifact was judged for another one."""
    done = {(row["model"], *identity(row)) for row in rows if row["artifact_sha256"]}
    judged = {identity(row): row for row in reversed(rows) if row["artifact_sha256"]}
    missing: dict[tuple[str, ...], Series] = {}
    copied = []
    for one in series:
        key = (one.artifact_sha256[:_DIGITS_OF_DIGEST], one.precision, library)
        if (one.model, *key) in done:
            continue
        if key in judged:
            copied.append(
                {**judged[key], "model": one.model, "same_as": judged[key]["same_as"] or judged[key]["model"]}
            )
        else:
            missing.setdefault(key if one.artifact_sha256 else (one.model, one.precision), one)
    return list(missing.values()), copied


def compute(request: ArtifactRequest, path: Path, cache_dir: Path, machine: str) -> None:
    """Judges what the CSV lacks, and appends each row as soon as it is known."""
    backend = backends.buildable(BACKEND)
    fixed = {"library": backend.runtime(), "machine": machine}
    series = convert_all(request, cache_dir, say)
    missing, _ = open_series(series, csv_rows.read(path), fixed["library"])
    by_model = {one.model: one for one in series}
    for verdict in judge(backend, missing, _BUILD_TIMEOUT_S, cache_dir, say, workers=1):
        csv_rows.append(path, COLUMNS, [row_of(by_model[verdict.model], verdict, fixed, cache_dir)])
        print(verdict.line(), flush=True)
    _, copied = open_series(series, csv_rows.read(path), fixed["library"])
    csv_rows.append(path, COLUMNS, copied)


def number(row: dict[str, str], *columns: str) -> float:
    """The sum of columns."""
    return sum(float(row[column]) for column in columns)


def _extreme(rows: Rows, unit: str, digits: int, *columns: str) -> str:
    most = max(rows, key=lambda row: number(row, *columns))
    return f"{number(most, *columns):,.{digits}f} {unit} ({most['model']})"


def totals(rows: Rows) -> Iterator[str]:
    """The figures of each precision; an artifact of several models counts once."""
    yield "| | " + " | ".join(PRECISIONS) + " |"
    yield "|---" * (1 + len(PRECISIONS)) + "|"
    chosen = {precision: [row for row in rows if row["precision"] == precision] for precision in PRECISIONS}
    kinds: dict[str, Callable[[Rows], str]] = {
        "models": lambda of: str(len(of)),
        "artifacts built": lambda of: f"{len(_built(_once(of)))} of {len(_once(of))}",
        "artifacts parsed": lambda of: f"{sum(row['parsed'] == 'yes' for row in _once(of))} of {len(_once(of))}",
        "with warnings": lambda of: str(sum(bool(row["warnings"]) for row in _once(of))),
    }
    figures: dict[str, Callable[[Rows], str]] = {
        "parsing, total": lambda of: f"{sum(number(row, 'parse_s') for row in of):,.0f} s",
        "building, total": lambda of: f"{sum(number(row, 'build_s') for row in of):,.0f} s",
        "slowest build": lambda of: _extreme(of, "s", 1, "parse_s", "build_s"),
        "most layers": lambda of: _extreme(of, "layers", 0, "network_layers"),
        "largest engine": lambda of: _extreme(of, "MiB", 0, "engine_mib"),
        "ratio, median": lambda of: f"{statistics.median(number(row, 'engine_over_artifact') for row in of):.2f}",
        "largest ratio": lambda of: _extreme(of, "", 2, "engine_over_artifact").replace("  ", " "),
        "most memory": lambda of: _extreme(of, "MiB", 0, "memory_peak_mib"),
    }
    for name, cell in kinds.items():
        yield f"| {name} | " + " | ".join(cell(of) for of in chosen.values()) + " |"
    for name, cell in figures.items():
        built = [_built(_once(of)) for of in chosen.values()]
        yield f"| {name} | " + " | ".join(cell(of) if of else "" for of in built) + " |"


def _once(rows: Rows) -> Rows:
    return [row for row in rows if not row["same_as"]]


def _built(rows: Rows) -> Rows:
    return [row for row in rows if row["status"] == "ok"]


def remarks(rows: Rows) -> Iterator[str]:
    """What was refused and why, and what the library warned of."""
    refused = [row for row in rows if row["status"] != "ok"]
    yield "\n## Refused\n"
    yield from (f"- {row['model']} in {row['precision']}, {row['status']}: {row['reason']}" for row in refused)
    if not refused:
        yield "Nothing."
    warned: dict[str, list[str]] = {}
    for row in rows:
        for text in filter(None, row["warnings"].split(_WARNINGS_BETWEEN)):
            warned.setdefault(text, []).append(f"{row['model']} in {row['precision']}")
    yield "\n## Warnings\n"
    yield from (f"- {counted(len(names), 'time')}, {listed(names)}: {text}" for text, names in warned.items())
    if not warned:
        yield "None."


def every_model(rows: Rows) -> Iterator[str]:
    """One row for each model, the precisions side by side."""
    yield "\n## Every model\n"
    head = "layers | build s | engine MiB | ratio | memory MiB"
    yield "| model | " + " | ".join(head.replace("layers", f"{precision}: layers") for precision in PRECISIONS) + " |"
    yield "|---" + "|---:" * (len(PRECISIONS) * len(head.split("|"))) + "|"
    by_key = {(row["model"], row["precision"]): row for row in rows}
    for name in dict.fromkeys(row["model"] for row in rows):
        found = [by_key.get((name, precision)) for precision in PRECISIONS]
        twins = {row["same_as"] for row in found if row} - {""}
        label = f"{name} (same as {listed(sorted(twins))})" if twins else name
        yield f"| {label} | " + " | ".join(map(_cells, found)) + " |"


def _cells(row: dict[str, str] | None) -> str:
    if row is None:
        return " | | | | "
    if row["status"] != "ok":
        return f"{'refused' if row['parsed'] == 'no' else row['status']} | | | | "
    return (
        f"{row['network_layers']} | {number(row, 'parse_s', 'build_s'):.1f} | {number(row, 'engine_mib'):.1f} "
        f"| {number(row, 'engine_over_artifact'):.2f} | {number(row, 'memory_peak_mib'):.0f}"
    )


def document(rows: Rows, csv_name: str) -> str:
    """The document about all rows of the CSV."""

    def values(column: str) -> str:
        return listed(sorted({row[column] for row in rows} - {""}), most=len(rows))

    head = _DOCUMENT.format(
        libraries=values("library"),
        opsets=values("opset").replace(", ", " or "),
        exporters=values("exporter").replace(", ", " and "),
        machines=values("machine"),
        csv=csv_name,
    )
    return "\n".join([head, "\n## Totals\n", *totals(rows), *remarks(rows), *every_model(rows)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="all", help="names, globs, sources or suites (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("docs/tensorrt_rtx_table.csv"), help="the CSV")
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    parser.add_argument("--machine", help="what the document calls this machine, by default its number of cores")
    parser.add_argument("--write-only", action="store_true", help="write the document from the CSV, and judge nothing")
    arguments = parser.parse_args()
    if not arguments.write_only:
        machine = arguments.machine or counted(default_threads(), "core")
        for precision in PRECISIONS:
            request = ArtifactRequest(models=tuple(arguments.models.split(",")), backend=BACKEND, precision=precision)
            compute(request, arguments.output, arguments.cache_dir, machine)
    rows = csv_rows.tidied(arguments.output, COLUMNS, KEY)
    arguments.output.with_suffix(".md").write_text(document(rows, arguments.output.name), encoding="utf-8")


if __name__ == "__main__":
    main()
