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
from pathlib import Path
from typing import Any

from harness import backends
from harness.backends.device import environment_of
from harness.backends.tensorrt.dialect import restricted_tactic_sources
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import built
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
    precision_effective: str | None = None
    stream_ms: float | None = None
    smoke_stream_ms: float | None = None
    graph_ms: float | None = None
    smoke_graph_ms: float | None = None
    protocol_ms: float | None = None
    engine_build_s: float | None = None
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
    def agrees(self) -> bool:
        """Whether both medians are present and within the tolerance."""
        differences = (self.stream_difference_percent, self.graph_difference_percent)
        return all(one is not None and abs(one) <= TOLERANCE_PERCENT for one in differences)

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
    lines = [f"{sum(row.agrees for row in rows)} of {len(rows)} models agree within {TOLERANCE_PERCENT:g} %"]
    lines += [f"  {row.model}: {row.problem or _differences(row)}" for row in rows if not row.agrees]
    latencies_ms = {row.model: row.protocol_ms for row in rows if row.protocol_ms is not None}
    good = all(row.agrees for row in rows) and bool(rows)
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


def convert(output: Path, models: list[str]) -> None:
    """Writes the models and the reference network, with opset 17 so that every TensorRT reads them."""
    import converters
    from harness.artifacts.reference import write_reference

    output.mkdir(parents=True, exist_ok=True)
    write_reference(output / REFERENCE)
    for model in models:
        shutil.copyfile(converters.convert(model, opset=OPSET).path, output / file_of(model))
        print(model, flush=True)


class Proof:
    """The measurements on the machine with the GPU."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.artifacts: Path = arguments.artifacts
        self.output: Path = arguments.output
        self.smoke: Path = arguments.smoke
        self.python: str = arguments.smoke_python
        self.precision: str = arguments.precision
        self.share_timings: bool = arguments.share_timings
        self.cache_dir = self.output / "cache"

    def row(self, path: Path) -> Row:
        """Measures one model with the backend and with the other program."""
        row = Row(model_of(path), self.precision)
        built = self._build(path, self.precision)
        if built.status != "ok":
            row.problem = f"build: {built.status}: {built.reason}"
            return row
        row.engine_build_s = built.build_s
        for field, settings in (("stream_ms", STREAM), ("graph_ms", GRAPH), ("protocol_ms", PROTOCOL)):
            result = self._trial(path, settings)
            if result.status != "ok":
                row.problem = f"trial: {result.status}: {result.reason}"
                return row
            setattr(row, field, result.latency_median_ms)
            row.precision_effective = result.precision_effective
        answer = self._smoke(path)
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
        built = self._build(self.artifacts / REFERENCE, "fp32")
        if built.status != "ok":
            raise SystemExit(f"the reference network's engine: {built.status}: {built.reason}")
        rows = []
        for path in sorted(self.artifacts.glob("*__*.onnx")):
            rows.append(self.row(path))
            print(json.dumps(rows[-1].cells()), flush=True)
        return rows

    def environment(self) -> dict[str, Any]:
        """The machine, the software, and settings that were off or restricted."""
        backend = backends.get("tensorrt")
        return {
            "environment": environment_of(backend, PROTOCOL, None).to_json(),
            "runtime": backend.runtime(),
            "tactic_sources": list(restricted_tactic_sources()) or "TensorRT's own choice",
            "tf32": "off",
            "shared_timings": self.share_timings,
            "smoke": str(self.smoke),
            "cuda_environment": {name: value for name, value in os.environ.items() if name.startswith("CUDA_")},
        }

    def _target(self, path: Path, precision: str, settings: GpuSettings) -> Target:
        return Target(str(path), "", "tensorrt", precision, 1, 1, settings, str(self.cache_dir))

    def _build(self, path: Path, precision: str) -> Any:
        ((_, result),) = built([self._target(path, precision, PROTOCOL)], _BUILD_TIMEOUT_S)
        return result

    def _trial(self, path: Path, settings: GpuSettings) -> TrialResult:
        job = TrialJob(
            first=self._target(path, self.precision, settings),
            second=self._target(self.artifacts / REFERENCE, "fp32", settings),
            timing=TimingSettings(),
            seed=0,
        )
        return run_trial(job, timeout_s=_TRIAL_TIMEOUT_S, work_dir=self.output)

    def _smoke(self, path: Path) -> dict[str, Any] | str:
        """The other program's answer, or its error output if it failed."""
        answer = self.output / f"smoke-{path.stem}.json"
        command = smoke_command(self.python, self.smoke, path, self.precision, answer, self._timings())
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
    measuring = commands.add_parser("measure", help="build and time them with both programs")
    measuring.add_argument("--artifacts", type=Path, required=True)
    measuring.add_argument("--smoke", type=Path, required=True)
    measuring.add_argument("--smoke-python", default=sys.executable, help="the interpreter that runs SMOKE")
    measuring.add_argument("--output", type=Path, required=True)
    measuring.add_argument("--precision", choices=("fp16", "fp32"), default="fp16")
    measuring.add_argument("--share-timings", action="store_true", help="give the other program our timing cache")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every model agrees and the GPUNets are in a published order, else 1."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    if arguments.command == "convert":
        convert(arguments.output, arguments.models)
        return 0
    available = backends.get("tensorrt").availability()
    if not available.usable:
        raise SystemExit(f"{available.why} {available.what_to_do}")
    proof = Proof(arguments)
    rows = proof.run()
    write_rows(rows, arguments.output / "rows.csv")
    (arguments.output / "environment.json").write_text(json.dumps(proof.environment(), indent=2) + "\n")
    lines, good = summarise(rows)
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
