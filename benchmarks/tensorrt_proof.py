"""Does the TensorRT backend report the same latency as an independent program on the same files?

On a machine with the sources' frameworks, once:

    python benchmarks/tensorrt_proof.py convert --output proof-artifacts

On the machine with the GPU, which has TensorRT, numpy and this project:

    python benchmarks/tensorrt_proof.py measure --artifacts proof-artifacts --smoke smoke.py --output proof

`--smoke` is an independent program that builds and times an ONNX file: `SMOKE MODEL.onnx [--fp32]
[--timing-cache FILE] --json OUT`. Its JSON has `stream.median_ms` (kernels enqueued one by one),
`graph.median_ms` (a CUDA graph), `gpu` and `tensorrt`. Each median must be within 2 % of the backend's, measured
alike: one inference at a time between CUDA events. The harness's own protocol, two inferences in flight, is
printed beside them. Two builds of one network may differ by more than that; `--share-timings` gives the other
program a copy of our timing cache, so that it picks the same kernels.

The order of the seven GPUNets is then compared with the release's published latencies. `--output` gets rows.csv,
environment.json with the settings that were off, and the files that smoke writes.

The same for TensorRT for RTX, for which there is no other program: its engines are built beside the artifacts, on any
machine, and it is asked whether they load on this GPU, in which precision they compute, and how long compiling takes.

    python benchmarks/tensorrt_proof.py convert --output proof-rtx --backend tensorrt-rtx --precision fp16
    python benchmarks/tensorrt_proof.py measure --artifacts proof-rtx --backend tensorrt-rtx --output proof

The most important comes first, so that a session that ends early has it: a trial of the reference network with ONNX
Runtime's CUDA provider and with the backend, in checks.json; then the GPUNets. Each row is written at once.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foundation.vocabulary import PRECISIONS
from harness import backends
from harness.backends.device import environment_of
from harness.backends.tensorrt.dialect import restricted_tactic_sources
from harness.commands.options.types import capabilities
from harness.machine.environment import default_threads
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import BuildResult, built
from harness.processes.launcher import run_trial
from harness.processes.target import Target
from harness.processes.trial import TrialJob, TrialResult
from harness.timing.settings import TimingSettings

TOLERANCE_PERCENT = 2.0

# TensorRT FP16, batch 1, in ms: the table of the release's README (NVIDIA/DeepLearningExamples,
# PyTorch/Classification/GPUNet).
PUBLISHED_MS = {
    "V100": {"0": 0.63, "1": 0.82, "2": 1.68, "P0": 0.63, "P1": 0.96, "D1": 1.24, "D2": 2.17},
    "A100": {"0": 0.46, "1": 0.59, "2": 1.25, "P0": 0.45, "P1": 0.61, "D1": 0.94, "D2": 1.40},
}

MODELS = (
    *(f"gpunet/GPUNet-{name}" for name in PUBLISHED_MS["V100"]),
    "alphanet/a0",
    "efficientnet/efficientnet_b0",
    "efficientnet_x/efficientnet-x-b0",
    "fbnet/fbnet_c",
    "lanet/LaNet_CIFAR10_128",
    "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25",
    "regnet/RegNetX-400MF",
    "resnest/resnest50",
)
OPSET = 17
REFERENCE = "reference.onnx"
BACKENDS = ("tensorrt", "tensorrt-rtx")

# One inference at a time, as in the other program; then the harness's own protocol.
STREAM = GpuSettings(queue_depth=1)
GRAPH = GpuSettings(queue_depth=1, cuda_graph=True)
PROTOCOL = GpuSettings()

_BUILD_TIMEOUT_S = 3600.0
_TRIAL_TIMEOUT_S = 600.0


@dataclasses.dataclass
class Row:
    """One model, measured by both programs; a missing figure is None, and `problem` says why."""

    model: str
    precision: str
    compared: bool = True
    """Whether there is another program."""
    precision_effective: str | None = None
    stream_ms: float | None = None
    smoke_stream_ms: float | None = None
    graph_ms: float | None = None
    smoke_graph_ms: float | None = None
    protocol_ms: float | None = None
    engine_build_s: float | None = None
    engine_bundled: bool | None = None
    """Whether the engine was built beside the artifacts, on another machine."""
    engine_capabilities: str | None = None
    jit_s: float | None = None
    """In the first trial."""
    jit_cache: str | None = None
    """In each of the three trials, joined by `+`."""
    warnings: str = ""
    problem: str = ""

    @property
    def stream_difference_percent(self) -> float | None:
        """How much longer the backend's median is than the other program's."""
        return difference_percent(self.stream_ms, self.smoke_stream_ms)

    @property
    def graph_difference_percent(self) -> float | None:
        """The same with CUDA graphs."""
        return difference_percent(self.graph_ms, self.smoke_graph_ms)

    @property
    def agrees(self) -> bool | None:
        """Whether both medians are present and within the tolerance; None without another program."""
        if not self.compared:
            return None
        differences = (self.stream_difference_percent, self.graph_difference_percent)
        return all(one is not None and abs(one) <= TOLERANCE_PERCENT for one in differences)

    @property
    def good(self) -> bool:
        """Whether everything was measured, and agrees if it was compared."""
        return not self.problem and self.agrees is not False

    def note(self, result: TrialResult) -> None:
        """Takes from a trial what it says of the engine."""
        self.precision_effective = result.precision_effective
        if result.gpu is None:
            return
        self.engine_capabilities = result.gpu.engine_capabilities
        self.jit_s = result.gpu.jit_s if self.jit_s is None else self.jit_s
        self.jit_cache = "+".join(filter(None, (self.jit_cache, result.gpu.jit_cache))) or None
        self.warnings = " ".join(dict.fromkeys(filter(None, (self.warnings, *result.gpu.warnings))))

    def cells(self) -> dict[str, Any]:
        """The row of the CSV."""
        differences = {
            "stream_difference_percent": self.stream_difference_percent,
            "graph_difference_percent": self.graph_difference_percent,
        }
        return {**dataclasses.asdict(self), **differences, "agrees": self.agrees}


def difference_percent(ours: float | None, theirs: float | None) -> float | None:
    """How much larger ours is, in percent; None if one of them is missing."""
    return None if ours is None or theirs is None else 100 * (ours / theirs - 1)


def model_of(path: Path) -> str:
    """The model of a file: `gpunet/GPUNet-0` for `gpunet__GPUNet-0.onnx`."""
    return path.stem.replace("__", "/", 1)


def file_of(model: str) -> str:
    """The file of a model; the inverse of `model_of`."""
    return f"{model.replace('/', '__', 1)}.onnx"


def out_of_order(latencies_ms: dict[str, float], published_ms: dict[str, float]) -> list[tuple[str, str]]:
    """Pairs of GPUNets whose measured order contradicts the published one, the published faster one first.

    Pairs published as equal have no order; pairs with an unmeasured network are omitted.
    """
    measured = {
        name: latencies_ms[model] for name in published_ms if (model := f"gpunet/GPUNet-{name}") in latencies_ms
    }
    pairs = (sorted(pair, key=published_ms.__getitem__) for pair in itertools.combinations(measured, 2))
    return [
        (first, second)
        for first, second in pairs
        if published_ms[first] < published_ms[second] and measured[first] >= measured[second]
    ]


def smoke_command(
    python: str, smoke: Path, model: Path, precision: str, answer: Path, timings: Path | None
) -> list[str]:
    """The other program's command line."""
    options = ["--fp32"] if precision == "fp32" else []
    shared = ["--timing-cache", str(timings)] if timings else []
    return [python, str(smoke), str(model), *options, *shared, "--json", str(answer)]


def summarise(rows: list[Row]) -> tuple[list[str], bool]:
    """The result in lines, and whether everything is as required."""
    how = f"agree within {TOLERANCE_PERCENT:g} %" if any(row.compared for row in rows) else "were measured"
    lines = [f"{sum(row.good for row in rows)} of {len(rows)} models {how}"]
    lines += [f"  {row.model}: {row.problem or _differences(row)}" for row in rows if not row.good]
    latencies_ms = {row.model: row.protocol_ms for row in rows if row.protocol_ms is not None}
    good = all(row.good for row in rows) and bool(rows)
    for device, published_ms in PUBLISHED_MS.items():
        missing = [name for name in published_ms if f"gpunet/GPUNet-{name}" not in latencies_ms]
        wrong = out_of_order(latencies_ms, published_ms)
        said = ", ".join(f"{first} before {second}" for first, second in wrong) or "as published"
        lines.append(f"order of the GPUNets on {device}: {said}{f'; not measured: {missing}' if missing else ''}")
    best = min(len(out_of_order(latencies_ms, published_ms)) for published_ms in PUBLISHED_MS.values())
    return lines, good and best == 0 and any(row.model.startswith("gpunet/") for row in rows)


def _differences(row: Row) -> str:
    found = {"stream": row.stream_difference_percent, "graph": row.graph_difference_percent}
    return ", ".join(f"{name} {value:+.1f} %" for name, value in found.items() if value is not None)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """The models' files, those of the proof first and in its order."""
    places = {model: place for place, model in enumerate(MODELS)}
    return sorted(paths, key=lambda path: (places.get(model_of(path), len(places)), path.name))


def convert(output: Path, models: list[str], precision: str) -> None:
    """Writes the models and the reference network, with opset 17 so that every TensorRT reads them."""
    import converters
    from harness.artifacts.reference import write_reference

    output.mkdir(parents=True, exist_ok=True)
    write_reference(output / REFERENCE)
    for model in models:
        artifact = converters.convert(model, opset=OPSET, precision=precision)
        shutil.copyfile(artifact.path, output / file_of(model))
        print(model, flush=True)


def build_beside(output: Path, precision: str, gpu: GpuSettings) -> bool:
    """Builds engines of TensorRT for RTX beside the artifacts, where a measurement finds them; whether all were."""
    files = {output / REFERENCE: "fp32"} | dict.fromkeys(in_order(output.glob("*__*.onnx")), precision)
    targets = [
        Target(str(path), "", "tensorrt-rtx", precision, 1, 1, gpu, str(output)) for path, precision in files.items()
    ]
    good = True
    for target, result in built(targets, _BUILD_TIMEOUT_S, workers=default_threads()):
        good &= result.status == "ok"
        print(f"{model_of(Path(target.artifact))}: {result.status} {result.reason}".rstrip(), flush=True)
    return good


class Proof:
    """The measurements on the machine with the GPU."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.artifacts: Path = arguments.artifacts
        self.output: Path = arguments.output
        self.backend: str = arguments.backend
        self.capabilities: tuple[str, ...] = arguments.capabilities
        self.smoke: Path | None = arguments.smoke
        self.python: str = arguments.smoke_python
        self.precision: str = arguments.precision
        self.share_timings: bool = arguments.share_timings
        self.cache_dir = self.output / "cache"

    def row(self, path: Path) -> Row:
        """Measures one model with the backend and with the other program."""
        row = Row(model_of(path), self.precision, compared=self.smoke is not None)
        built = self._build(path, self.precision)
        if built.engine is None:
            row.problem = f"build: {built.status}: {built.reason}"
            return row
        row.engine_build_s, row.engine_bundled, row.warnings = built.build_s, built.engine.bundled, built.engine.unfit
        for field, settings in (("stream_ms", STREAM), ("graph_ms", GRAPH), ("protocol_ms", PROTOCOL)):
            result = self._trial(path, settings)
            if result.status != "ok":
                row.problem = f"trial: {result.status}: {result.reason}"
                return row
            setattr(row, field, result.latency_median_ms)
            row.note(result)
        if self.smoke is None:
            return row
        answer = self._smoke(path, self.smoke)
        if isinstance(answer, str):
            row.problem = f"smoke: {answer}"
            return row
        row.smoke_stream_ms, row.smoke_graph_ms = answer["stream"]["median_ms"], answer["graph"]["median_ms"]
        return row

    def run(self) -> list[Row]:
        """Measures all models; prints each row as it is done.

        Raises:
            SystemExit: the reference network's engine cannot be built, and every measurement needs it.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        checks = {name: self.check(name) for name in dict.fromkeys(("onnxruntime-cuda", self.backend))}
        (self.output / "checks.json").write_text(json.dumps(checks, indent=2) + "\n")
        if not checks[self.backend].startswith("ok"):
            raise SystemExit(f"the reference network's engine: {checks[self.backend]}")
        rows = []
        for path in in_order(self.artifacts.glob("*__*.onnx")):
            rows.append(self.row(path))
            write_rows(rows, self.output / "rows.csv")
            print(json.dumps(rows[-1].cells()), flush=True)
        return rows

    def check(self, backend: str) -> str:
        """How a trial of the reference network with a backend ends, in a line that is printed too."""
        line = self._checked(backend)
        print(f"{backend}: {line}", flush=True)
        return line

    def _checked(self, backend: str) -> str:
        available = backends.get(backend).availability()
        if not available.usable:
            return f"{available.why} {available.what_to_do}"
        target = dataclasses.replace(self._target(self.artifacts / REFERENCE, "fp32", PROTOCOL), backend=backend)
        if backend == self.backend:
            made = self._build(self.artifacts / REFERENCE, "fp32")
            if made.status != "ok":
                return f"build: {made.status}: {made.reason}"
        result = self._run(target, target)
        if result.status != "ok":
            return f"trial: {result.status}: {result.reason}"
        row = Row("reference", "fp32")
        row.note(result)
        found = f"ok, {result.latency_median_ms:.4f} ms, computes in {row.precision_effective}"
        if row.jit_cache:
            found += f", engine for {row.engine_capabilities}, compiled in {row.jit_s} s (cache: {row.jit_cache})"
        return f"{found}. {row.warnings}".rstrip()

    def environment(self) -> dict[str, Any]:
        """The machine, the software, and settings that were off or restricted."""
        backend = backends.get(self.backend)
        return {
            "environment": environment_of(backend, PROTOCOL, None).to_json(),
            "runtime": backend.runtime(),
            "tactic_sources": list(restricted_tactic_sources()) or "TensorRT's own choice",
            "tf32": "off",
            "shared_timings": self.share_timings,
            "smoke": str(self.smoke or "none"),
            "cuda_environment": {name: value for name, value in os.environ.items() if name.startswith("CUDA_")},
        }

    def _target(self, path: Path, precision: str, settings: GpuSettings) -> Target:
        gpu = dataclasses.replace(settings, capabilities=self.capabilities)
        return Target(str(path), "", self.backend, precision, 1, 1, gpu, str(self.cache_dir), str(self.artifacts))

    def _build(self, path: Path, precision: str) -> BuildResult:
        ((_, result),) = built([self._target(path, precision, PROTOCOL)], _BUILD_TIMEOUT_S)
        return result

    def _trial(self, path: Path, settings: GpuSettings) -> TrialResult:
        reference = self._target(self.artifacts / REFERENCE, "fp32", settings)
        return self._run(self._target(path, self.precision, settings), reference)

    def _run(self, first: Target, second: Target) -> TrialResult:
        job = TrialJob(first=first, second=second, timing=TimingSettings(), seed=0)
        return run_trial(job, timeout_s=_TRIAL_TIMEOUT_S, work_dir=self.output)

    def _smoke(self, path: Path, smoke: Path) -> dict[str, Any] | str:
        """The other program's answer, or its error output if it failed."""
        answer = self.output / f"smoke-{path.stem}.json"
        command = smoke_command(self.python, smoke, path, self.precision, answer, self._timings())
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S)
        if ended.returncode or not answer.is_file():
            return (ended.stderr or ended.stdout).strip()[-500:] or f"exit code {ended.returncode}"
        found: dict[str, Any] = json.loads(answer.read_text())
        return found

    def _timings(self) -> Path | None:
        """A copy of our timing cache for the other program, which writes to it."""
        if not self.share_timings:
            return None
        (cache,) = (self.cache_dir / "engines").glob("timing-*.cache")
        return Path(shutil.copyfile(cache, self.output / "smoke-timings.cache"))


def write_rows(rows: list[Row], path: Path) -> None:
    """Writes the rows as CSV."""
    cells = [row.cells() for row in rows]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(cells[0]) if cells else ["model"])
        writer.writeheader()
        writer.writerows(cells)


def parse(argv: list[str]) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    converting = commands.add_parser("convert", help="write the models as ONNX files")
    converting.add_argument("--output", type=Path, required=True)
    converting.add_argument("--models", nargs="+", default=list(MODELS))
    converting.add_argument(
        "--precision", choices=PRECISIONS, default="fp32", help="of the files, in which TensorRT 10 and later compute"
    )
    measuring = commands.add_parser("measure", help="build and time them with both programs")
    measuring.add_argument("--artifacts", type=Path, required=True)
    measuring.add_argument("--smoke", type=Path, help="required for tensorrt")
    measuring.add_argument("--smoke-python", default=sys.executable, help="the interpreter that runs SMOKE")
    measuring.add_argument("--output", type=Path, required=True)
    measuring.add_argument("--precision", choices=("fp16", "fp32"), default="fp16")
    measuring.add_argument("--share-timings", action="store_true", help="give the other program our timing cache")
    for command in (converting, measuring):
        command.add_argument("--backend", choices=BACKENDS, default=BACKENDS[0])
        command.add_argument(
            "--for", dest="capabilities", type=capabilities, default=(), help="GPUs of engines of tensorrt-rtx"
        )
    arguments = parser.parse_args(argv)
    if arguments.command == "measure" and arguments.backend == "tensorrt" and arguments.smoke is None:
        parser.error("--backend tensorrt is compared with another program: give --smoke")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every model agrees and the GPUNets are in a published order, else 1."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    if arguments.command == "convert":
        convert(arguments.output, arguments.models, arguments.precision)
        if arguments.backend != "tensorrt-rtx":
            return 0
        gpu = GpuSettings(capabilities=arguments.capabilities)
        return 0 if build_beside(arguments.output, arguments.precision, gpu) else 1
    available = backends.get(arguments.backend).availability()
    if not available.usable:
        raise SystemExit(f"{available.why} {available.what_to_do}")
    proof = Proof(arguments)
    rows = proof.run()
    (arguments.output / "environment.json").write_text(json.dumps(proof.environment(), indent=2) + "\n")
    lines, good = summarise(rows)
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
