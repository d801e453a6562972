"""The CSV of a profile: one row per layer, with all that is needed to draw and compare it.

Every row repeats the facts of the profile, so that the files of several models or precisions can be
concatenated as they are.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.backends.layers import LayerTime
from harness.errors import StorageError
from harness.files.storage import explained, replace_text
from harness.records.absence import Absence
from harness.records.schema import Column
from harness.records.table import format_cells, typed_frame

if TYPE_CHECKING:
    import pandas

_NOT_SAID = Absence("the runtime does not report it")

COLUMNS = (
    Column("position", "integer", "", "Place in order of execution, from 0."),
    Column("rank", "integer", "", "Place in order of time, from 1, the longest."),
    Column("name", "text", "", "The runtime's own name for the layer, often that of its last output."),
    Column("kind", "text", "", "The runtime's own type for the layer.", (_NOT_SAID,)),
    Column(
        "variant",
        "text",
        "",
        "Kernel of a convolution, and `depthwise` or `grouped`.",
        (_NOT_SAID, Absence("the layer is not a convolution")),
    ),
    Column("shapes", "text", "", "First input and first output of the layer without the batch.", (_NOT_SAID,)),
    Column(
        "precision",
        "text",
        "",
        "Precision the layer computed in.",
        (_NOT_SAID, Absence("it computed in integers of more than 8 bits")),
    ),
    Column("time_ms", "number", "ms", "Median over the profiled inferences."),
    Column("share_percent", "number", "%", "Time divided by the sum of all layers' times. The column sums to 100."),
    Column("cumulative_percent", "number", "%", "Share of this layer and all that take longer, in order of `rank`."),
    Column("model", "text", "", "Full name, as in results.csv."),
    Column("backend", "text", "", "Runtime that executed the artifact."),
    Column("precision_asked", "text", "", "Requested precision."),
    Column("precision_effective", "text", "", "Precision that convolutions and matrix products were computed in."),
    Column("batch", "integer", "images", "Images in one inference."),
    Column("inferences", "integer", "", "Profiled inferences; the same number were timed without the profiler."),
    Column("layers_total_ms", "number", "ms", "Sum of all layers' times."),
    Column("latency_median_ms", "number", "ms", "Median inference of the same process without the profiler."),
    Column("latency_kind", "text", "", "Kind of latency of `latency_median_ms`, as in results.csv."),
    Column("foreign_cores", "number", "cores", "Cores that other processes used on average during the profile."),
    Column("disturbances", "text", "", "What makes the times less trustworthy.", (Absence("none were seen"),)),
    Column("runtime", "text", "", "Runtime and version."),
    Column("provider", "text", "", "Execution provider, or device of the runtime."),
    Column("device", "text", "", "Processor with its threads, or accelerator."),
    Column("environment_id", "text", "", "Digest of device, runtime versions and threads, as in results.csv."),
    Column("artifact_sha256", "text", "", "Digest of the ONNX file."),
    Column("measured_at", "time", "", "Start of the profile, ISO 8601, UTC."),
)
"""Every column of the CSV in order."""

COLUMN_NAMES = tuple(column.name for column in COLUMNS)


def layer_rows(layers: tuple[LayerTime, ...], facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a profile in order of execution.

    Args:
        layers: layers with a sum of times above 0.
        facts: the columns from `model` on, without `layers_total_ms`.
    """
    total_ms = sum(layer.time_ms for layer in layers)
    longest_first = sorted(range(len(layers)), key=lambda index: -layers[index].time_ms)
    ranked: dict[int, dict[str, Any]] = {}
    sum_ms = 0.0
    for rank, index in enumerate(longest_first, start=1):
        sum_ms += layers[index].time_ms
        ranked[index] = {"rank": rank, "cumulative_percent": 100 * sum_ms / total_ms}
    return [
        {
            **layer.to_json(),
            **ranked[index],
            "share_percent": 100 * layer.time_ms / total_ms,
            "layers_total_ms": total_ms,
            **facts,
        }
        for index, layer in enumerate(layers)
    ]


def write_layers(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes the rows of `layer_rows` as CSV.

    Raises:
        StorageError: the file cannot be written.
    """
    lines = [format_cells(COLUMN_NAMES), *(format_cells([row[name] for name in COLUMN_NAMES]) for row in rows)]
    replace_text(path, "".join(lines))


def load_layers(path: Path) -> pandas.DataFrame:
    """Reads the CSV of one profile, typed as `harness.records.table.load_rows` does.

    Raises:
        StorageError: the file is missing, or is not the CSV of one profile.
    """
    with explained(path):
        text = path.read_text(encoding="utf-8")
    header = tuple(next(csv.reader(io.StringIO(text)), ()))
    if header != COLUMN_NAMES:
        differing = sorted(set(header) ^ set(COLUMN_NAMES)) or ["their order"]
        raise StorageError(
            f"{path} does not have the columns of a profile; they differ in {', '.join(differing)}. "
            "Give a CSV that `profile` wrote, or profile again."
        )
    rows = typed_frame(text, COLUMNS)
    profiles = rows[["model", "backend", "measured_at"]].drop_duplicates()
    if len(profiles) != 1:
        raise StorageError(f"{path} holds {len(profiles)} profiles; give a file with one.")
    return rows
