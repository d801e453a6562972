"""What an idle neighbour, such as a node of a cluster engine, does to a measurement.

    python benchmarks/idle_neighbour.py --models smoke --sittings 4 --rounds 2 \
        --start "ray start --head --include-dashboard=false --disable-usage-stats" --stop "ray stop --force"

Sittings of some rounds of trials are made with and without the neighbour in random order, and each pair of sittings is
compared: the median latency, the 90th percentile and the ratio to the reference network with the neighbour over those
without, as geometric means over networks and pairs with their standard errors; then the spread of the ratio. A trial of
a slow network has too few inferences for a 99th percentile.
"""

from __future__ import annotations

import argparse
import random
import shlex
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from trials import measure

import converters
import zoo
from foundation.cache import default_cache_dir
from harness.artifacts import reference
from harness.processes.trial import TrialResult

FIGURES = ("latency_median_ms", "latency_p90_ms", "ratio")
SETTLING_S = 10.0
"""Seconds between the start of the neighbour, or its end, and the first trial."""

Sitting = dict[str, list[TrialResult]]


def sitting(artifacts: dict[str, converters.Artifact], reference_path: Path, rounds: int) -> Sitting:
    """Some rounds of trials of every network, in random order."""
    found: Sitting = defaultdict(list)
    for _ in range(rounds):
        for name in random.sample(sorted(artifacts), len(artifacts)):
            found[name].append(measure(artifacts[name], reference_path))
    return found


def change(with_it: Sequence[Sitting], without: Sequence[Sitting], figure: str) -> tuple[float, float]:
    """Mean and standard error, in percent, of a figure with the neighbour over that without, by pairs of sittings."""
    logs = [
        np.mean(np.log([getattr(trial, figure) for trial in one[name]]))
        - np.mean(np.log([getattr(trial, figure) for trial in other[name]]))
        for one, other in zip(with_it, without, strict=True)
        for name in one
    ]
    return 100 * float(np.expm1(np.mean(logs))), 100 * float(np.std(logs, ddof=1) / np.sqrt(len(logs)))


def ratio_spread_percent(sittings: Sequence[Sitting]) -> tuple[float, int]:
    """Standard deviation of the ratio's log, pooled over networks and sittings, and its degrees of freedom."""
    groups = [[np.log(trial.ratio) for trial in trials] for one in sittings for trials in one.values()]
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum(float(np.sum((np.array(group) - np.mean(group)) ** 2)) for group in groups)
    return 100 * float(np.sqrt(squares / freedom)), freedom


def main() -> None:
    """Makes the sittings and prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", required=True, metavar="COMMAND", help="starts the neighbour, and returns")
    parser.add_argument("--stop", required=True, metavar="COMMAND", help="ends it")
    parser.add_argument("--models", default="smoke", help="names, globs, sources or suites (%(default)s)")
    parser.add_argument("--sittings", type=int, default=4, metavar="N", help="pairs of sittings (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="rounds of a sitting (%(default)s)")
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    asked = parser.parse_args()
    artifacts = {name: converters.convert(name, cache_dir=asked.cache_dir) for name in zoo.list_models(asked.models)}
    found: dict[bool, list[Sitting]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reference.onnx")
        reference.write_reference(path)
        for _ in range(asked.sittings):
            for neighbour in random.sample((True, False), 2):
                subprocess.run(
                    shlex.split(asked.start if neighbour else asked.stop), check=neighbour, capture_output=True
                )
                time.sleep(SETTLING_S)
                found[neighbour].append(sitting(artifacts, path, asked.rounds))
        subprocess.run(shlex.split(asked.stop), check=False, capture_output=True)
    for figure in FIGURES:
        mean, error = change(found[True], found[False], figure)
        print(f"{figure}: {mean:+.2f} % with the neighbour (standard error {error:.2f} %)")
    for neighbour in (True, False):
        spread, freedom = ratio_spread_percent(found[neighbour])
        which = "with" if neighbour else "without"
        print(f"spread of the ratio {which} the neighbour: {spread:.2f} % ({freedom} degrees of freedom)")


if __name__ == "__main__":
    main()
