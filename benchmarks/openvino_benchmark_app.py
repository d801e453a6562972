"""The harness's latency of OpenVINO compared with that of OpenVINO's own `benchmark_app`, on the same artifacts.

    python benchmarks/openvino_benchmark_app.py --pairs 10

Each pair runs in fresh processes, in random order: a harness trial, and `benchmark_app` (in the package openvino),
synchronous and with the same properties. Each pair gives the ratio of the two medians. Exits with 1 if the geometric
mean of a network's ratios is farther from 1 than `--within` percent.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from trials import measure

import converters
import zoo
from foundation.cache import default_cache_dir
from harness import backends
from harness.artifacts import reference
from harness.backends.openvino import settings
from harness.machine.environment import collect

BACKEND = "openvino"
MODELS = "regnet/RegNetX-200MF,efficientnet/efficientnet_b0,alphanet/a0,fbnet/dmasking_l2_hs,gpunet/GPUNet-P0"

APP = """
import sys
sys.modules["openvino_telemetry"] = None  # It reports to its maker.
from openvino.tools.benchmark.main import main
sys.exit(main())
"""
_MEDIAN = re.compile(r"Median:\s+([0-9.]+) ms")


def app_median_ms(path: Path, threads: int, seconds: int, folder: Path) -> float:
    """Median that `benchmark_app` reports, in ms."""
    config = folder / "config.json"
    config.write_text(json.dumps({settings.DEVICE: texts(threads)}), encoding="utf-8")
    # Left to itself it makes an input of images u8, and adds a conversion.
    words = ["-m", str(path), "-d", settings.DEVICE, "-api", "sync", "-hint", "latency", "-ip", "f32"]
    words += ["-t", str(seconds)]
    command = [sys.executable, "-c", APP, *words, "-load_config", str(config)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = _MEDIAN.search(told)
    if found is None:
        raise SystemExit(f"benchmark_app reports no median:\n{told}")
    return float(found[1])


def texts(threads: int) -> dict[str, str]:
    """The harness's properties, as `benchmark_app` reads them from a file."""
    spelt = {True: "YES", False: "NO"}
    properties = settings.properties(threads, "fp32")
    return {name: spelt[value] if isinstance(value, bool) else str(value) for name, value in properties.items()}


def harness_median_ms(artifact: converters.Artifact, reference_path: Path) -> float:
    """Median that a harness trial reports, in ms."""
    median_ms = measure(artifact, reference_path, backend=BACKEND).latency_median_ms
    assert median_ms is not None
    return median_ms


def main() -> int:
    """Measures pair by pair and prints a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=2, help="of each benchmark_app (%(default)s)")
    parser.add_argument("--within", type=float, default=2.0, metavar="PERCENT", help="allowed distance (%(default)s)")
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    arguments = parser.parse_args()
    threads, far = collect(None).threads, 0
    print(
        f"{backends.usable(BACKEND).runtime()}, {threads} threads; ratio = harness over benchmark_app, geometric mean"
    )
    print("| model | harness ms | benchmark_app ms | ratio | standard error |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference_path = folder / "reference.onnx"
        reference.write_reference(reference_path)
        for card in zoo.cards(arguments.models.split(",")):
            artifact = converters.convert(card.name, cache_dir=arguments.cache_dir)
            sides = {
                "harness": lambda a=artifact: harness_median_ms(a, reference_path),
                "app": lambda a=artifact: app_median_ms(a.path, threads, arguments.seconds, folder),
            }
            pairs = [{one: sides[one]() for one in random.sample(sorted(sides), 2)} for _ in range(arguments.pairs)]
            logs = [math.log(one["harness"] / one["app"]) for one in pairs]
            mean, error = np.mean(logs), np.std(logs, ddof=1) / math.sqrt(len(logs))
            medians = [statistics.median(one[side] for one in pairs) for side in ("harness", "app")]
            ratio = math.exp(mean)
            print(f"| {card.name} | {medians[0]:.3f} | {medians[1]:.3f} | {ratio:.4f} | {error:.2%} |", flush=True)
            far += abs(ratio - 1) > arguments.within / 100
    print(f"{far} beyond {arguments.within:g} %")
    return int(far > 0)


if __name__ == "__main__":
    sys.exit(main())
