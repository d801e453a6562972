"""The harness's latency compared with a bare `InferenceSession.run` loop on the same artifact.

    python benchmarks/harness_overhead.py --models smoke --pairs 10

Each pair runs in fresh processes, in random order: a harness trial, and a process that only creates a session
with the same threads and calls `run` in a loop. The bare loop has neither the harness's IO binding nor its
second session. Each pair gives the ratio of the two medians.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from trials import measure

import converters
import zoo
from foundation.cache import default_cache_dir
from harness.artifacts import reference
from harness.machine.environment import collect

BARE = """
import json, statistics, sys, time
import numpy, onnxruntime
path, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
if sys.argv[4] == "no-spin":
    options.add_session_config_entry("session.force_spinning_stop", "1")
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
source = session.get_inputs()[0]
feed = {source.name: numpy.random.default_rng(0).standard_normal(source.shape, dtype=numpy.float32)}
end = time.perf_counter() + 0.2
while time.perf_counter() < end:
    session.run(None, feed)
times, end = [], time.perf_counter() + seconds
while time.perf_counter() < end:
    begin = time.perf_counter_ns()
    session.run(None, feed)
    times.append(time.perf_counter_ns() - begin)
print(json.dumps(statistics.median(times) / 1e6))
"""


def bare_median_ms(path: Path, threads: int, spin: str) -> float:
    """Median of the plain loop in a fresh process, in ms."""
    command = [sys.executable, "-c", BARE, str(path), str(threads), "0.5", spin]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def harness_median_ms(artifact: converters.Artifact, reference_path: Path) -> float:
    """Median that a harness trial reports, in ms."""
    median_ms = measure(artifact, reference_path).latency_median_ms
    assert median_ms is not None
    return median_ms


def main() -> None:
    """Measures pair by pair and prints a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="smoke")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--spin", choices=("spin", "no-spin"), default="spin", help="the bare loop's worker threads")
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    arguments = parser.parse_args()
    threads = collect(None).threads
    print(f"bare loop: {arguments.spin}; ratio = harness over bare, geometric mean over {arguments.pairs} pairs")
    with tempfile.TemporaryDirectory() as folder:
        reference_path = Path(folder, "reference.onnx")
        reference.write_reference(reference_path)
        for name in zoo.list_models(arguments.models):
            artifact = converters.convert(name, cache_dir=arguments.cache_dir)
            logs = []
            for _ in range(arguments.pairs):
                sides = {
                    "harness": lambda a=artifact: harness_median_ms(a, reference_path),
                    "bare": lambda a=artifact: bare_median_ms(a.path, threads, arguments.spin),
                }
                found = {side: sides[side]() for side in random.sample(sorted(sides), 2)}
                logs.append(math.log(found["harness"] / found["bare"]))
            mean, error = np.mean(logs), np.std(logs, ddof=1) / math.sqrt(len(logs))
            print(
                f"{name}: {math.exp(mean):.4f} +- {1.96 * error:.4f}, pairs' sd {np.std(logs, ddof=1):.2%}", flush=True
            )


if __name__ == "__main__":
    main()
