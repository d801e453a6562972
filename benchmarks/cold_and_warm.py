"""How long a run takes from an empty cache and a round from a full one, compared with another checkout.

    python benchmarks/cold_and_warm.py --against ../other-checkout --models mobile --warm 3

This interpreter runs both checkouts in turn, one round each time: `--cold` times from an empty cache, then `--warm`
times from the cache that the last of these left. The first table has the seconds from an empty cache to the first
trial's line, to the last conversion and to the end, the seconds of a round from a full cache, the largest memory of all
processes together, and the ratios, this checkout over the other. The second has the spread of a network's ratio to the
reference network over the warm rounds, pooled over the networks.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from memory_watch import MemoryWatch

HERE = Path(__file__).resolve().parents[1]


def timed_run(checkout: Path, models: str, cache: Path, output: Path) -> dict[str, float]:
    """What one run of one round took, by what is waited for: seconds, and MiB."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "harness", "run", "--models", models, "--rounds", "1"]
    command += ["--output", str(output), "--cache-dir", str(cache)]
    begin_s, taken = time.perf_counter(), dict[str, float]()
    with subprocess.Popen(command, cwd=checkout, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        watch = MemoryWatch(process.pid)
        for line in process.stderr:
            passed_s = time.perf_counter() - begin_s
            if line.startswith("[round 1 "):
                taken.setdefault("first figures, s", passed_s)
            if line.startswith("[convert "):
                taken["last conversion, s"] = passed_s
        peak_mib = watch.end()
    if process.returncode:
        raise SystemExit(f"{checkout}: run ended with {process.returncode}")
    return {**taken, "end, s": time.perf_counter() - begin_s, "largest memory, MiB": peak_mib}


def pooled_spread(rounds: Sequence[pd.Series]) -> tuple[float, int]:
    """Standard deviation over rounds of the log of the networks' ratios, pooled, in percent; degrees of freedom."""
    logs = np.log(pd.concat(rounds, axis=1).dropna().astype(float))
    freedom = len(logs) * (len(rounds) - 1)
    return 100 * float(np.sqrt(logs.var(axis=1, ddof=1).mean())), freedom


def main() -> None:
    """Measures the runs and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, metavar="PATH", help="the other checkout")
    parser.add_argument("--models", default="smoke", help="names, globs, sources or suites (%(default)s)")
    parser.add_argument("--cold", type=int, default=1, metavar="N", help="runs from an empty cache (%(default)s)")
    parser.add_argument("--warm", type=int, default=2, metavar="N", help="rounds from a full cache (%(default)s)")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, "there": arguments.against.resolve()}
    taken: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    ratios: dict[str, list[pd.Series]] = {side: [] for side in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        for index in range(arguments.cold + arguments.warm):
            cold = index < arguments.cold
            for side, checkout in sorted(checkouts.items(), reverse=bool(index % 2)):
                cache = Path(folder, f"cache-{side}-{min(index, arguments.cold - 1)}")
                output = Path(folder, f"results-{side}-{index}")
                one = timed_run(checkout, arguments.models, cache, output)
                print(f"{'cold' if cold else 'warm'} {side}: {one}", file=sys.stderr, flush=True)
                for name, value in one.items():
                    taken[f"{'empty' if cold else 'full'} cache, {name}", side].append(value)
                if not cold:
                    table = pd.read_csv(output / "results.csv")
                    ratios[side].append(table.drop_duplicates("model").set_index("model")["ratio_to_reference"])
    print("| what | here | there | ratio |\n|---|---:|---:|---:|")
    for name in dict.fromkeys(name for name, _ in taken):
        here, there = (statistics.median(taken[name, side] or [float("nan")]) for side in checkouts)
        print(f"| {name} | {here:.1f} | {there:.1f} | {here / there:.2f} |", flush=True)
    print("\n| checkout | spread of the ratio % | degrees of freedom |\n|---|---:|---:|")
    for side, rounds in ratios.items():
        if len(rounds) > 1:
            spread, freedom = pooled_spread(rounds)
            print(f"| {side} | {spread:.2f} | {freedom} |")


if __name__ == "__main__":
    main()
