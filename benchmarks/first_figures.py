"""How long a run from an empty cache takes to its first figures and to its end, compared with another checkout.

    python benchmarks/first_figures.py --against ../other-checkout --models mobile --runs 2

This interpreter runs both checkouts in turn, each time from an empty cache, one round. The table has the seconds to the
first trial's line, to the end of the run and of its conversions alone, and the ratios, this checkout over the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def timed_run(checkout: Path, models: str) -> dict[str, float]:
    """Seconds of one run by what is waited for."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with tempfile.TemporaryDirectory() as folder:
        places = ["--output", str(Path(folder, "results")), "--cache-dir", str(Path(folder, "cache"))]
        command = [sys.executable, "-m", "harness", "run", "--models", models, "--rounds", "1", *places]
        begin_s, taken = time.perf_counter(), dict[str, float]()
        with subprocess.Popen(command, cwd=checkout, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                passed_s = time.perf_counter() - begin_s
                if line.startswith("[round 1 "):
                    taken.setdefault("first figures", passed_s)
                if line.startswith("artifacts: "):
                    taken["artifacts"] = passed_s
        if process.returncode:
            raise SystemExit(f"{checkout}: run ended with {process.returncode}")
        return {**taken, "end": time.perf_counter() - begin_s}


def main() -> None:
    """Measures the runs and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, metavar="PATH", help="the other checkout")
    parser.add_argument("--models", default="smoke", help="names, globs, sources or suites (%(default)s)")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="runs of each checkout (%(default)s)")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, "there": arguments.against.resolve()}
    taken: dict[str, list[dict[str, float]]] = {side: [] for side in checkouts}
    for index in range(arguments.runs):
        for side, checkout in sorted(checkouts.items(), reverse=bool(index % 2)):
            taken[side].append(timed_run(checkout, arguments.models))
    print("| until | here s | there s | ratio |\n|---|---:|---:|---:|")
    for name in ("first figures", "artifacts", "end"):
        here_s, there_s = (statistics.median(one[name] for one in taken[side]) for side in ("here", "there"))
        print(f"| {name} | {here_s:.1f} | {there_s:.1f} | {here_s / there_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
