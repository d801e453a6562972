"""How long conversions take from an empty cache, compared with another checkout, and whether the graphs are equal.

    python benchmarks/conversions.py --against ../other-checkout --models mobile --repeats 2

This interpreter runs `convert` of both checkouts in turn, each from an empty cache, for the models that both have. The
table has medians of the seconds, of the seconds that provenance files record by part, and of the largest memory of all
processes together, and their ratios, this checkout over the other. Graphs are equal if their operators, wiring,
attributes and weights are, whatever values and nodes are called; those that differ are named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import onnx
from memory_watch import MemoryWatch

HERE = Path(__file__).resolve().parents[1]


def names(checkout: Path, models: str) -> list[str]:
    """The names of a checkout's models that are asked for."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "harness", "list", *models.split(",")]
    table = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in table.splitlines()[1:]]


def timed_conversion(checkout: Path, models: str, cache: Path) -> tuple[dict[str, float], dict[str, Path]]:
    """What one `convert` took, in seconds and MiB, and the file of each model that was converted."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "harness", "convert", "--models", models, "--cache-dir", str(cache)]
    begin_s = time.perf_counter()
    with subprocess.Popen(
        command, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        watch = MemoryWatch(process.pid)
        output, _ = process.communicate()
        peak_mib = watch.end()
    taken = {"end, s": time.perf_counter() - begin_s, "largest memory, MiB": peak_mib}
    files = dict(line.split("\t") for line in output.splitlines())
    return {**taken, **recorded_s(cache)}, {model: Path(file) for model, file in files.items()}


def recorded_s(cache: Path) -> dict[str, float]:
    """The seconds of each part that the provenance files in a cache record, added up."""
    total_s: defaultdict[str, float] = defaultdict(float)
    for path in cache.rglob("provenance.json"):
        for part, seconds in json.loads(path.read_text(encoding="utf-8"))["seconds"].items():
            total_s[f"recorded: {part}"] += seconds
    return dict(total_s)


def digest(path: Path) -> str:
    """SHA-256 of a graph's operators in their order, wiring, attributes and weights, whatever they are called."""
    graph = onnx.load(path).graph
    called: dict[str, str] = {"": ""}
    for tensor in graph.initializer:
        content = repr((tensor.data_type, list(tensor.dims))).encode() + tensor.raw_data
        called[tensor.name] = hashlib.sha256(content).hexdigest()
    for value in graph.input:
        called.setdefault(value.name, f"input {len(called)}")
    whole = hashlib.sha256()
    for node in graph.node:
        attributes = sorted(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
        wiring = [[called.setdefault(name, str(len(called))) for name in names] for names in (node.input, node.output)]
        whole.update(repr((node.domain, node.op_type, wiring, attributes)).encode())
    whole.update(repr([called[value.name] for value in graph.output]).encode())
    return whole.hexdigest()


def main() -> None:
    """Measures the conversions and prints the table and what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, metavar="PATH", help="the other checkout")
    parser.add_argument("--models", default="smoke", help="names, globs, sources or suites (%(default)s)")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="conversions of each side (%(default)s)")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, "there": arguments.against.resolve()}
    here, there = (names(checkout, arguments.models) for checkout in checkouts.values())
    models = ",".join(name for name in here if name in there)
    taken: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    digests: dict[str, dict[str, str]] = {}
    for index in range(arguments.repeats):
        for side, checkout in sorted(checkouts.items(), reverse=bool(index % 2)):
            with tempfile.TemporaryDirectory() as cache:
                one, files = timed_conversion(checkout, models, Path(cache))
                digests[side] = {model: digest(file) for model, file in files.items()}
            print(f"{side}: {len(files)} models, {one}", file=sys.stderr, flush=True)
            for name, value in one.items():
                taken[name, side].append(value)
    print("| what | here | there | ratio |\n|---|---:|---:|---:|")
    for name in dict.fromkeys(name for name, _ in taken):
        ours, theirs = (statistics.median(taken[name, side] or [float("nan")]) for side in checkouts)
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |")
    different = [model for model, one in digests["here"].items() if digests["there"].get(model) != one]
    count = len(digests["here"])
    print(f"\n{count - len(different)} of {count} graphs are equal. {' '.join(different)}".rstrip())


if __name__ == "__main__":
    main()
