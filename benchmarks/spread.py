"""How much the reported median and ratio vary over repeated runs.

    python benchmarks/spread.py --models smoke --runs 10
    python benchmarks/spread.py --models smoke --runs 10 --block-ms 20,80,320 --block-groups 1,3,6
    python benchmarks/spread.py --models smoke --runs 20 --warmup-s 0.1,0.2

A run here is one trial of each model, as in `harness run --rounds 1`. For each setting the output has the
standard deviation of the log over the runs, and the largest value over the smallest, of the median latency and
of the ratio to the reference network; and the seconds that a trial takes. Then the former of the ratio, pooled.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from trials import measure

import converters
import zoo
from foundation.cache import default_cache_dir
from harness.artifacts import reference
from harness.timing.settings import TimingSettings


def spread(values: list[float]) -> str:
    """Standard deviation of the log, and the range, of positive values."""
    logs = np.log(values)
    return f"sd {np.std(logs, ddof=1):6.2%}, max/min {math.exp(np.ptp(logs)):.3f}"


def main() -> None:
    """Repeats runs of every setting in random order and prints their spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="smoke")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--block-ms", default=str(TimingSettings().block_ms))
    parser.add_argument("--block-groups", default=str(TimingSettings().groups))
    parser.add_argument("--warmup-s", default=str(TimingSettings().warmup_s))
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    arguments = parser.parse_args()
    settings = [
        TimingSettings(block_ms=float(length), groups=int(groups), warmup_s=float(warmup))
        for length, groups, warmup in itertools.product(
            arguments.block_ms.split(","), arguments.block_groups.split(","), arguments.warmup_s.split(",")
        )
    ]
    artifacts = {n: converters.convert(n, cache_dir=arguments.cache_dir) for n in zoo.list_models(arguments.models)}
    medians, ratios, seconds = defaultdict(list), defaultdict(list), defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        reference_path = Path(folder, "reference.onnx")
        reference.write_reference(reference_path)
        for _ in range(arguments.runs):
            plan = list(itertools.product(settings, artifacts))
            for setting, name in random.sample(plan, len(plan)):
                began = time.monotonic()
                result = measure(artifacts[name], reference_path, setting)
                assert result.latency_median_ms is not None
                assert result.ratio is not None
                seconds[setting, name].append(time.monotonic() - began)
                medians[setting, name].append(result.latency_median_ms)
                ratios[setting, name].append(result.ratio)
    for setting, name in itertools.product(settings, artifacts):
        key = setting, name
        print(
            f"{name}, {setting.groups} groups of {setting.block_ms:g} ms after {setting.warmup_s:g} s, "
            f"{np.mean(seconds[key]):.2f} s per trial: median {np.median(medians[key]):.2f} ms, "
            f"{spread(medians[key])}; ratio {np.exp(np.mean(np.log(ratios[key]))):.4f}, {spread(ratios[key])}"
        )
    for setting in settings:
        variances = [np.var(np.log(ratios[setting, name]), ddof=1) for name in artifacts]
        print(
            f"{setting.groups} groups of {setting.block_ms:g} ms after {setting.warmup_s:g} s: ratio, sd pooled over "
            f"networks {math.sqrt(np.mean(variances)):.2%}, {len(artifacts) * (arguments.runs - 1)} degrees of freedom"
        )


if __name__ == "__main__":
    main()
