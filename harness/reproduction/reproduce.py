"""Measures the latency of one network as the row of a table was measured, and compares the two.

    python reproduce.py        # as many trials as the row has
    python reproduce.py 10

Needs numpy and the runtime that expected.json names, and nothing else. Each trial is a fresh process, which loads
model.onnx with the settings in expected.json, warms up on inputs.npz and times inferences back to back; its figure is
their median. The exit code is 0 if the median over the trials lies within the row's interval, and 1 if not.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
MODEL = FOLDER / "model.onnx"
INPUTS = FOLDER / "inputs.npz"
EXPECTED = FOLDER / "expected.json"
BLOCK = 1 << 20
ONE_TRIAL = "--one-trial"
"""What a trial's process is started with: it prints its median in milliseconds."""


def onnxruntime_inference(expected: dict[str, Any], inputs: dict[str, Any]) -> Callable[[], None]:
    """One inference in ONNX Runtime on the processor, its input and outputs bound once."""
    ort = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = expected["threads"]
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    for name, value in expected["properties"].items():
        options.add_session_config_entry(name, value)
    session = ort.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    for output in session.get_outputs():
        binding.bind_output(output.name)
    return lambda: session.run_with_iobinding(binding)


def openvino_inference(expected: dict[str, Any], inputs: dict[str, Any]) -> Callable[[], None]:
    """One inference in OpenVINO on the processor, its input read where it lies."""
    # It would report its use to its maker.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    ov = importlib.import_module("openvino")
    compiled = ov.Core().compile_model(str(MODEL), "CPU", expected["properties"])
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        (name,) = port.get_names() & set(inputs)
        request.set_tensor(port, ov.Tensor(inputs[name], shared_memory=True))
    return lambda: request.infer(share_outputs=True)


INFERENCES = {"onnxruntime": onnxruntime_inference, "openvino": openvino_inference}


def trial_ms() -> float:
    """Median latency of one inference in this process, in milliseconds."""
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    with np.load(INPUTS, allow_pickle=False) as arrays:
        inputs = dict(arrays)
    infer = INFERENCES[expected["backend"]](expected, inputs)
    infer()
    warm_s = time.perf_counter() + expected["warmup_s"]
    infer()
    while time.perf_counter() < warm_s:
        infer()
    gc.disable()
    taken_ns: list[int] = []
    end_ns = time.perf_counter_ns() + round(1e6 * expected["timed_ms"])
    while len(taken_ns) < expected["inferences_at_least"] or time.perf_counter_ns() < end_ns:
        begin_ns = time.perf_counter_ns()
        infer()
        taken_ns.append(time.perf_counter_ns() - begin_ns)
    return statistics.median(taken_ns) / 1e6


def check_model(files: dict[str, str]) -> None:
    """Refuses a model.onnx, or a file of its weights, that is not the row's."""
    for name, sha256 in files.items():
        digest = hashlib.sha256()
        with (FOLDER / name).open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        found = digest.hexdigest()
        if found != sha256:
            raise SystemExit(f"{FOLDER / name} has SHA-256 {found[:16]}, not {sha256[:16]}: it is not the row's")


def figures(expected: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The row's median and its interval in milliseconds; None for the ends if it has too few trials."""
    return expected["latency_median_ms"], expected["latency_low_ms"], expected["latency_high_ms"]


def compared(expected: dict[str, Any], here_ms: float, runtime: str) -> tuple[str, int]:
    """How the median of the trials here compares with the row's: a sentence, and the exit code."""
    row_ms, low_ms, high_ms = figures(expected)
    if low_ms is None:
        return f"{here_ms / row_ms:.3f} of the row, which has no interval: it has too few trials", 0
    if low_ms <= here_ms <= high_ms:
        return f"{here_ms / row_ms:.3f} of the row, within its interval", 0
    other = "" if runtime == expected["runtime"] else f" or {runtime} in place of {expected['runtime']}"
    return f"{here_ms / row_ms:.3f} of the row, outside its interval: another processor, speed or load{other}", 1


def main(arguments: list[str]) -> int:
    """Measures the trials, prints both figures, and returns the exit code."""
    if arguments == [ONE_TRIAL]:
        print(trial_ms())
        return 0
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    if arguments and not (len(arguments) == 1 and arguments[0].isdecimal() and int(arguments[0])):
        raise SystemExit(__doc__)
    trials = int(arguments[0]) if arguments else expected["trials"]
    check_model(expected["files"])
    version = importlib.import_module(expected["backend"]).__version__
    runtime = f"{expected['backend']} {version.split('-')[0]}"
    trials_ms = []
    for _ in range(trials):
        ended = subprocess.run([sys.executable, __file__, ONE_TRIAL], stdout=subprocess.PIPE, text=True, check=True)
        trials_ms.append(float(ended.stdout))
    here_ms = statistics.median(trials_ms)
    row_ms, low_ms, high_ms = figures(expected)
    interval = "" if low_ms is None else f" ({low_ms:.4g} to {high_ms:.4g})"
    print(f"row:  {row_ms:.4g} ms{interval}, {expected['runtime']}, {expected['device']}")
    print(f"here: {here_ms:.4g} ms ({', '.join(f'{one:.4g}' for one in trials_ms)}), {runtime}")
    told, exit_code = compared(expected, here_ms, runtime)
    print(told)
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
