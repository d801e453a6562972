"""How long the reports of many large runs take, compared with another checkout of this project.

    python benchmarks/reports.py --against ../other-checkout --runs 20 --rows 165 --repeats 3

The run directories are made up, one environment each: the facts of a run that version 0.1.0 wrote, and rows of
`docs/results` in its columns, with latencies that differ by a few percent. This interpreter reports on them with both
checkouts in turn. The table has the medians of a report's processor time, of all its processes, and their ratio, this
checkout over the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parents[1]
RUN = HERE / "tests" / "data" / "d6d559a" / "run"
ROWS = HERE / "docs" / "results" / "2026-11-30" / "results.csv"
FACT_OF_ENVIRONMENT = "system_release"
LATENCIES = ("latency_median_ms", "latency_low_ms", "latency_high_ms", "ratio_to_reference", "ratio_low", "ratio_high")
REPORTS = {"html": "report.html", "markdown": "report.md", "csv": "report.csv", "plot": "frontier.svg"}


def write_runs(folder: Path, runs: int, rows: int) -> list[Path]:
    """The run directories, with the same figures for the same numbers."""
    columns = pd.read_csv(RUN / "results.csv", nrows=0).columns
    table = pd.read_csv(ROWS, dtype=str, keep_default_na=False)
    one = (table.backend == "onnxruntime") & (table.precision == "fp32") & (table.graph == "native")
    table = table[one].head(rows)[columns]
    return [_written(folder / f"run-{index}", table, index) for index in range(runs)]


def _written(directory: Path, table: pd.DataFrame, seed: int) -> Path:
    directory.mkdir()
    identity = hashlib.sha256(str(seed).encode()).hexdigest()[:12]
    facts = json.loads((RUN / "run.json").read_text(encoding="utf-8"))
    facts["environment"][FACT_OF_ENVIRONMENT] = f"release {seed}"
    facts |= {"environment_id": identity, "device": f"processor {seed}"}
    (directory / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    source = random.Random(seed)
    factors = [source.lognormvariate(0.0, 0.05) for _ in range(len(table))]
    scaled = {name: (table[name].astype(float) * factors).map("{:.6g}".format) for name in LATENCIES}
    named = {"environment_id": identity, "device": f"processor {seed}", "schema_version": str(facts["schema_version"])}
    table.assign(**scaled, **named).to_csv(directory / "results.csv", index=False)
    return directory


def processor_s(checkout: Path, report: str, runs: list[Path], output: Path) -> float:
    """Processor time in seconds of one report."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "reports", report, *map(str, runs), "--output", str(output)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{checkout}: {report}: {ended.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measures the reports and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, metavar="PATH", help="the other checkout")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="run directories (%(default)s)")
    parser.add_argument("--rows", type=int, default=165, metavar="N", help="rows of each (%(default)s)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="reports of each kind (%(default)s)")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, "there": arguments.against.resolve()}
    print("| report | here s | there s | ratio |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = write_runs(folder, arguments.runs, arguments.rows)
        for report, file in REPORTS.items():
            taken_s: dict[str, list[float]] = {side: [] for side in checkouts}
            for index in range(arguments.repeats):
                for side, checkout in sorted(checkouts.items(), reverse=bool(index % 2)):
                    taken_s[side].append(processor_s(checkout, report, runs, folder / file))
            here_s, there_s = (statistics.median(taken_s[side]) for side in ("here", "there"))
            print(f"| {report} | {here_s:.1f} | {there_s:.1f} | {here_s / there_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
