"""The folder that measures a row again: the script, the artifact, its inputs, and what to expect."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from foundation.digests import file_sha256
from foundation.wording import cause
from harness import backends
from harness.backends.openvino import settings as openvino_settings
from harness.errors import HarnessError
from harness.files.artifact_digest import artifact_sha256, external_locations
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
_OWN = (SCRIPT, MODEL, INPUTS, EXPECTED)

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
        StorageError: a file cannot be read or written.
    """
    check_reproducible(found.row)
    weights = _checked_weights(found)
    arrays = _inputs(found)
    with explained(output, option="-o", kept="The run"):
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise HarnessError(f"{output} holds something; give -o a new folder")
        shutil.copyfile(found.artifact, output / MODEL)
        for location, file in weights.items():
            (output / location).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, output / location)
        np.savez(output / INPUTS, **arrays)
        files = {name: file_sha256(output / name) for name in (MODEL, *weights)}
        (output / EXPECTED).write_text(json.dumps({**expected(found), "files": files}, indent=1) + "\n", "utf-8")
        script = resources.files("harness.reproduction").joinpath(SCRIPT)
        (output / SCRIPT).write_text(script.read_text("utf-8"), encoding="utf-8")
    return [output / name for name in (*_OWN, *weights)]


def _checked_weights(found: Reproduction) -> dict[str, Path]:
    """The files beside the artifact that hold weights, by the location that it names.

    Raises:
        HarnessError: the artifact cannot be read or is not the row's, or a file has a name that the folder needs.
    """
    row = found.row
    try:
        sha256 = artifact_sha256(found.artifact)
    except OSError as error:
        raise HarnessError(
            f"{found.artifact} cannot be read ({cause(error)}); convert {row['model']} again, or give the row's "
            "artifact with --artifact"
        ) from error
    if sha256 != row["artifact_sha256"]:
        raise HarnessError(
            f"{found.artifact} is not the row's artifact: its SHA-256 is {sha256[:16]}, not "
            f"{row['artifact_sha256'][:16]}. Give that with --artifact, and the files of its weights beside it"
        )
    beside = {location: file for location, file in external_locations(found.artifact).items() if file}
    if taken := sorted(set(_OWN) & {os.path.normpath(location) for location in beside}):
        raise HarnessError(
            f"{found.artifact} has weights in a file called {taken[0]}, as is one of the folder; measure it by "
            "harness run"
        )
    return beside


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
        "warmup_s": min(timing.warmup_s, backends.get(row["backend"]).warmup_s),
        "timed_ms": blocks * timing.block_ms,
        "inferences_at_least": blocks,
    }


def _properties(row: Row) -> dict[str, Any]:
    if row["backend"] == "openvino":
        return openvino_settings.properties(row["threads"], row["precision"])
    return _ONNXRUNTIME_PROPERTIES
