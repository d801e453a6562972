"""One engine build of TensorRT for RTX by the project, compared with a bare script that makes the same calls.

    python benchmarks/tensorrt_rtx_overhead.py
    python benchmarks/tensorrt_rtx_overhead.py --artifacts gpunet/GPUNet-0:fp16,regnet/RegNetX-200MF:int8 --pairs 20

Each pair runs in fresh processes, in random order: the process in which the harness builds an engine, and one that
imports tensorrt_rtx alone. Ratios are the project's figure over the bare script's: medians over the pairs, with an
interval of 95 %. It needs no GPU. Artifacts are taken from the cache, or converted first.

On a busy machine, `--processor-time` lets both sides measure parsing and building in processor seconds, which other
programs disturb less.

Engines are compared too: those of all pairs, of two builds in one process, and of a copy in another folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import converters
from foundation.cache import default_cache_dir
from foundation.digests import file_sha256
from harness.processes.target import Target
from harness.stats.trials import interval_over_trials, median

ARTIFACTS = (
    "gpunet/GPUNet-0:fp32",
    "gpunet/GPUNet-0:fp16",
    "efficientnet/efficientnet_b0:fp32",
    "efficientnet/efficientnet_b0:int8",
    "regnet/RegNetX-200MF:fp16",
    "resnest/resnest50_fast_1s1x64d:fp32",
    "lanet/LaNet_CIFAR10_128:int8",
)

BARE = """
import json, sys, time
import tensorrt_rtx as trt
artifact, engine, name = sys.argv[1:]
class Quiet(trt.ILogger):
    def __init__(self):
        trt.ILogger.__init__(self)
    def log(self, severity, msg):
        pass
logger = Quiet()
trt.init_libnvinfer_plugins(logger, "")
builder = trt.Builder(logger)
network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
network.name = name
begin_s = time.perf_counter()
parser = trt.OnnxParser(network, logger)
if not parser.parse_from_file(artifact):
    raise SystemExit(parser.get_error(0).desc())
parse_s = time.perf_counter() - begin_s
config = builder.create_builder_config()
config.clear_flag(trt.BuilderFlag.TF32)
config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
begin_s = time.perf_counter()
plan = builder.build_serialized_network(network, config)
build_s = time.perf_counter() - begin_s
with open(engine, "wb") as file:
    file.write(plan)
with open("/proc/self/status") as file:
    peak_mib = next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM:"))
print(json.dumps({"inside_s": parse_s + build_s, "memory_peak_mib": peak_mib}))
"""

# What `python -m harness.processes.build` does; it writes its answers to standard output, the peak to the other one.
PROJECT = """
import sys
from harness.processes import build
build.main()
from foundation.child import memory_peak_mib
print(memory_peak_mib(), file=sys.stderr)
"""

# Both sides measure with `time.perf_counter`.
PROCESSOR_CLOCK = """
import time
time.perf_counter = time.process_time
"""

# `EngineBuild` names a network so; a network's name is part of its engine.
_NAME_DIGITS = 12

FIGURES = {
    "inside_s": "parse and build",
    "wall_s": "whole process, wall",
    "cpu_s": "whole process, processor",
    "memory_peak_mib": "peak memory",
}


@dataclasses.dataclass(frozen=True)
class Build:
    """One build in its own process."""

    inside_s: float
    """Seconds of parsing and building, as the process measured them."""
    wall_s: float
    """Seconds from the start of the process to its end."""
    cpu_s: float
    """Processor time of the process, which other programs disturb less."""
    memory_peak_mib: float
    """Its largest resident set."""
    engine_sha256: str


@dataclasses.dataclass(frozen=True)
class Ended:
    """A process that ended well."""

    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float


def ran(code: str, *arguments: str, given: str = "") -> Ended:
    """Runs code in a fresh process."""
    before, begin_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", code, *arguments]
    ended = subprocess.run(command, input=given, check=True, capture_output=True, text=True)
    wall_s, after = time.perf_counter() - begin_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ended(ended.stdout, ended.stderr, wall_s, cpu_s)


@dataclasses.dataclass(frozen=True)
class Subject:
    """An artifact that both sides build."""

    path: Path
    sha256: str
    precision: str
    clock: str
    """Code that precedes that of both sides."""

    def bare_build(self, folder: Path) -> Build:
        """Builds with the bare script."""
        engine = folder / "bare.plan"
        ended = ran(self.clock + BARE, str(self.path), str(engine), self.sha256[:_NAME_DIGITS])
        found = json.loads(ended.stdout)
        return Build(found["inside_s"], ended.wall_s, ended.cpu_s, found["memory_peak_mib"], file_sha256(engine))

    def project_build(self, folder: Path) -> Build:
        """Builds with the project, one engine in one process."""
        ended, (engine,) = self.project_builds([folder])
        inside_s = engine["facts"]["parse_s"] + engine["build_s"]
        peak_mib = float(ended.stderr.splitlines()[-1])
        return Build(inside_s, ended.wall_s, ended.cpu_s, peak_mib, file_sha256(Path(engine["path"])))

    def project_builds(self, folders: Sequence[Path]) -> tuple[Ended, list[dict[str, Any]]]:
        """Builds with the project: one process, and an engine in each of the folders, which hold none."""
        target = Target(str(self.path), "", "tensorrt-rtx", self.precision, 1, 1)
        questions = [dataclasses.replace(target, cache_dir=str(folder)).to_json() for folder in folders]
        ended = ran(self.clock + PROJECT, given="".join(json.dumps(question) + "\n" for question in questions))
        answers = [json.loads(line) for line in ended.stdout.splitlines()]
        if failed := [answer["reason"] for answer in answers if answer["status"] != "ok"]:
            raise SystemExit(f"{self.path}: {failed[0]}")
        return ended, [answer["engine"] for answer in answers]

    def pair(self) -> dict[str, Build]:
        """One build of each side, in random order."""
        with tempfile.TemporaryDirectory() as folder:
            sides = {"project": self.project_build, "bare": self.bare_build}
            return {side: sides[side](Path(folder)) for side in random.sample(sorted(sides), len(sides))}

    def other_engines(self) -> dict[str, set[str]]:
        """Digests of engines that are built in other ways than those of the pairs."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            copy = Path(shutil.copyfile(self.path, folder / "a copy.onnx"))
            _, twice = self.project_builds([folder / "first", folder / "second"])
            _, elsewhere = dataclasses.replace(self, path=copy).project_builds([folder / "copied"])
            found = {"twice in one process": twice, "from a copy in another folder": elsewhere}
            return {how: {file_sha256(Path(one["path"])) for one in engines} for how, engines in found.items()}


def ratio_text(pairs: Sequence[dict[str, Build]], figure: str) -> str:
    """The median ratio of a figure, and its interval."""
    ratios = [getattr(pair["project"], figure) / getattr(pair["bare"], figure) for pair in pairs]
    low, high = interval_over_trials(ratios)
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{median(ratios):.3f}{interval}"


def median_text(pairs: Sequence[dict[str, Build]], figure: str) -> str:
    """The medians of both sides, the project's first."""
    medians = [median([getattr(pair[side], figure) for pair in pairs]) for side in ("project", "bare")]
    return " / ".join(f"{value:.2f} s" if figure.endswith("_s") else f"{value:.0f} MiB" for value in medians)


def equality_text(pairs: Sequence[dict[str, Build]], others: dict[str, set[str]]) -> str:
    """Whether all engines are equal byte for byte, and which are not."""
    found = {side: {pair[side].engine_sha256 for pair in pairs} for side in ("project", "bare")} | others
    different = [how for how, digests in found.items() if digests != {pairs[0]["bare"].engine_sha256}]
    return f"differ: {', '.join(different)}" if different else "equal"


def main() -> None:
    """Measures artifact by artifact, and prints a row of the table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", default=",".join(ARTIFACTS), metavar="MODEL:PRECISION,...")
    parser.add_argument("--pairs", type=int, default=10, metavar="N", help="pairs of each artifact (%(default)s)")
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    parser.add_argument("--processor-time", action="store_true", help="parse and build in processor seconds")
    arguments = parser.parse_args()
    clock = PROCESSOR_CLOCK if arguments.processor_time else ""
    print(
        f"load of the machine: {os.getloadavg()[0]:.1f}; {arguments.pairs} pairs; project over bare, [95 % interval]\n"
    )
    print(f"| artifact | {' | '.join(FIGURES.values())} | engines |")
    print("|---" * (len(FIGURES) + 2) + "|", flush=True)
    for name in arguments.artifacts.split(","):
        model, _, precision = name.partition(":")
        artifact = converters.convert(model, precision=precision, cache_dir=arguments.cache_dir)
        subject = Subject(artifact.path, artifact.sha256, precision, clock)
        pairs = [subject.pair() for _ in range(arguments.pairs)]
        cells = [f"{ratio_text(pairs, figure)}, {median_text(pairs, figure)}" for figure in FIGURES]
        print(f"| {name} | {' | '.join(cells)} | {equality_text(pairs, subject.other_engines())} |", flush=True)


if __name__ == "__main__":
    main()
