"""The folder that measures a row again: the script, the artifact, its inputs, and what to expect."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from foundation.digests import file_sha256
from harness.backends.openvino import settings as openvino_settings
from harness.errors import HarnessError
from harness.files.storage import explained
from harness.processes.inputs import Feed, seeded_values
from harness.processes.target import Target
from harness.processes.tensors import sha256_arrays
from harness.records.run_info import RUN_INFO_NAME
from harness.timing.samples import GROUP_ORDER, MEASURED
from harness.timing.settings import TimingSettings

SCRIPT = "reproduce.py"
MODEL = "model.onnx"
INPUTS = "inputs.npz"
EXPECTED = "expected.json"

BACKENDS = ("onnxruntime", "openvino")
"""Those whose sessions the script opens."""

_ELSEWHERE = {
    "tensorrt": "trtexec, which comes with TensorRT, measures the same file: trtexec --onnx=model.onnx",
    "tensorrt-rtx": "its own sample program, tensorrt_rtx, measures the same file",
}

_ONNXRUNTIME_PROPERTIES = {"session.force_spinning_stop": "1"}

Row = Mapping[str, Any]
"""One row of results.csv by column, None where a cell is empty."""


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """A row, the timing of its run, and the file that it measured."""

    row: Row
    timing: TimingSettings
    artifact: Path


def timing_of(run: Path) -> TimingSettings:
    """The timing of a run directory; the usual one if only its table is there.

    Raises:
        StorageError: run.json cannot be read.
    """
    path = run / RUN_INFO_NAME
    if not path.is_file():
        return TimingSettings()
    with explained(path):
        facts = json.loads(path.read_text(encoding="utf-8"))
    return TimingSettings.from_json(facts["settings"]["timing"])


def check_reproducible(row: Row) -> None:
    """Refuses a row that the script cannot measure.

    Raises:
        HarnessError: it was not measured, or by a runtime or with an operator library that the script does not open.
    """
    if row["status"] != "ok":
        raise HarnessError(f"{row['model']} was not measured ({row['status']}: {row['reason']}); there is no figure")
    if row["backend"] not in BACKENDS:
        other = _ELSEWHERE.get(row["backend"], "measure it by harness run")
        raise HarnessError(
            f"{row['model']} was measured by {row['backend']}; the script is for {' and '.join(BACKENDS)}: {other}"
        )
    if row["custom_operators"]:
        raise HarnessError(
            f"{row['model']} needs the operators of {row['custom_operators']}; measure it by harness run"
        )


def write(found: Reproduction, output: Path) -> list[Path]:
    """Writes the folder; returns the paths of its files.

    Args:
        found: what to measure again.
        output: the folder, new or empty.

    Raises:
        HarnessError: the row is refused, the artifact is not the row's, or the folder holds something.
        StorageError: a file cannot be written.
    """
    check_reproducible(found.row)
    if not found.artifact.is_file():
        raise HarnessError(
            f"{found.artifact} is no longer there; convert {found.row['model']} again, or give the file with --artifact"
        )
    if file_sha256(found.artifact) != found.row["artifact_sha256"]:
        raise HarnessError(
            f"{found.artifact} is not the row's artifact, or has weights in files beside it: its SHA-256 is not "
            f"{found.row['artifact_sha256'][:16]}"
        )
    arrays = _inputs(found)
    with explained(output, option="-o", kept="The run"):
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise HarnessError(f"{output} holds something; give -o a new folder")
        shutil.copyfile(found.artifact, output / MODEL)
        np.savez(output / INPUTS, **arrays)
        (output / EXPECTED).write_text(json.dumps(expected(found), indent=1) + "\n", encoding="utf-8")
        script = resources.files("harness.reproduction").joinpath(SCRIPT)
        (output / SCRIPT).write_text(script.read_text("utf-8"), encoding="utf-8")
    return [output / name for name in (SCRIPT, MODEL, INPUTS, EXPECTED)]


def _inputs(found: Reproduction) -> dict[str, Any]:
    """What the inputs held when the row was measured, drawn again."""
    row = found.row
    target = Target(
        artifact=str(found.artifact),
        sha256=row["artifact_sha256"],
        backend=row["backend"],
        precision=row["precision"],
        batch=row["batch"],
        threads=row["threads"],
        inputs=row["inputs"],
    )
    with target.open() as session:
        values = seeded_values(session.inputs, row["run_seed"], Feed.of(row["inputs"]))
    if sha256_arrays(values.values()) != row["input_digest"]:
        raise HarnessError(
            f"what {row['model']}'s inputs held cannot be drawn again: the installed numpy draws other numbers, or the "
            "file of --input has changed"
        )
    return values


def expected(found: Reproduction) -> dict[str, Any]:
    """What the script reads: the row's figures, and the settings of its trials."""
    row, timing = found.row, found.timing
    blocks = timing.groups * GROUP_ORDER.count(MEASURED)
    figures = ("latency_median_ms", "latency_low_ms", "latency_high_ms")
    facts = ("model", "backend", "precision", "batch", "graph", "runtime", "device", "environment_id", "threads")
    return {
        **{name: row[name] for name in (*facts, "artifact_sha256", *figures)},
        "trials": row["trials_count"],
        "properties": _properties(row),
        "warmup_s": timing.warmup_s,
        "timed_ms": blocks * timing.block_ms,
        "inferences_at_least": blocks,
    }


def _properties(row: Row) -> dict[str, Any]:
    if row["backend"] == "openvino":
        return openvino_settings.properties(row["threads"], row["precision"])
    return _ONNXRUNTIME_PROPERTIES
