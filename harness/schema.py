"""The one schema of results.csv: every column in order, with unit, meaning and when it is empty.

Writers, readers and `docs/columns.md` all follow this table. Whatever changes the name, type, order
or meaning of a column raises `SCHEMA_VERSION`: rows of two versions are never mixed in one file.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

SCHEMA_VERSION = 1

ColumnType = Literal["text", "integer", "number", "time"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of results.csv."""

    name: str
    type: ColumnType
    unit: str
    """Unit of the value, empty for text and pure numbers."""
    description: str
    empty_when: str = ""
    """When the cell is empty; an empty string says that it never is."""


_NOT_OK = "status is not ok"
_NO_ARTIFACT = "no artifact was made"
_NOT_EVALUATED = "no images were evaluated"
_UNKNOWN = "not known, as of one's own model"
_NOT_STATED = "the release states none"
_FEW_TRIALS = "fewer than two trials are ok, so there is no interval"

_IDENTITY = (
    Column("model", "text", "", "Full name, `<source>/<the release's own name>`."),
    Column("source", "text", "", "Where the model was released, as in `list`."),
    Column("variant", "text", "", "The release's own name of the model."),
    Column("backend", "text", "", "Runtime that executed the artifact."),
    Column("precision", "text", "", "Precision that was asked for."),
    Column("batch", "integer", "images", "Images in one inference."),
    Column(
        "status",
        "text",
        "",
        "`ok`, `failed`, `timeout`, `out_of_memory`, `unsupported` or `skipped`. `ok` means that at least "
        "one trial is; otherwise the status is the newest trial's, or the conversion's.",
    ),
    Column(
        "reason",
        "text",
        "",
        "Why the status is what it is, on one line. On an ok row: what its failed trials said.",
        "status is ok and no trial failed",
    ),
)

_ACCURACY = (
    Column("accuracy_published_top1_percent", "number", "%", "Top-1 accuracy the release states.", _NOT_STATED),
    Column("accuracy_published_top5_percent", "number", "%", "Top-5 accuracy the release states.", _NOT_STATED),
    Column("accuracy_published_source", "text", "", "Where the release states its accuracy.", _NOT_STATED),
    Column(
        "accuracy_measured_top1_percent",
        "number",
        "%",
        "Top-1 accuracy of this artifact on this backend, measured with images. Never the published figure.",
        _NOT_EVALUATED,
    ),
    Column("accuracy_measured_top1_low_percent", "number", "%", "Lower end of its 95 % interval.", _NOT_EVALUATED),
    Column(
        "accuracy_measured_top1_high_percent",
        "number",
        "%",
        "Upper end of its 95 % interval.",
        _NOT_EVALUATED,
    ),
    Column("accuracy_measured_top5_percent", "number", "%", "Top-5 accuracy, measured.", _NOT_EVALUATED),
    Column("accuracy_measured_top5_low_percent", "number", "%", "Lower end of its 95 % interval.", _NOT_EVALUATED),
    Column(
        "accuracy_measured_top5_high_percent",
        "number",
        "%",
        "Upper end of its 95 % interval.",
        _NOT_EVALUATED,
    ),
    Column(
        "weights",
        "text",
        "",
        "`released`, `file` or `probe` (seeded). A probe row has the release's published accuracy and no measured one.",
        _UNKNOWN,
    ),
)

_LATENCY = (
    Column(
        "latency_kind",
        "text",
        "",
        "What was timed: `host` (host time of one inference, CPU) or `gpu_compute` (time between CUDA events "
        "around one inference). Times of different kinds are not comparable.",
        _NOT_OK,
    ),
    Column("latency_median_ms", "number", "ms", "Median over the trials of the trials' medians.", _NOT_OK),
    Column(
        "latency_low_ms",
        "number",
        "ms",
        "Lower end of its 95 % interval over trials.",
        _FEW_TRIALS,
    ),
    Column(
        "latency_high_ms",
        "number",
        "ms",
        "Upper end of its 95 % interval over trials.",
        _FEW_TRIALS,
    ),
    Column(
        "ratio_to_reference",
        "number",
        "",
        "Latency over that of the reference network measured in alternating blocks of the same trial; median "
        "over the trials. Use it to compare runs: it moves far less than the time on a shared machine.",
        _NOT_OK,
    ),
    Column("ratio_low", "number", "", "Lower end of its 95 % interval over trials.", _FEW_TRIALS),
    Column("ratio_high", "number", "", "Upper end of its 95 % interval over trials.", _FEW_TRIALS),
    Column(
        "throughput_images_per_s",
        "number",
        "images/s",
        "Batch over `latency_median_ms`: one stream.",
        _NOT_OK,
    ),
    Column("latency_mean_ms", "number", "ms", "Median over the trials of the trials' means.", _NOT_OK),
    Column("latency_p90_ms", "number", "ms", "Median over the trials of the trials' 90th percentiles.", _NOT_OK),
    Column(
        "latency_p99_ms",
        "number",
        "ms",
        "Median over the trials of the 99th percentiles of those trials that have 662 samples or more.",
        "no trial has 662 samples",
    ),
    Column("latency_min_ms", "number", "ms", "Fastest inference of all trials.", _NOT_OK),
    Column(
        "reference_median_ms",
        "number",
        "ms",
        "Median over the trials of the reference network's medians: how fast the machine was.",
        _NOT_OK,
    ),
    Column(
        "ratio_spread_percent",
        "number",
        "%",
        "Median over the trials of the robust standard deviation of the log ratio between the groups of "
        "blocks of one trial.",
        _NOT_OK,
    ),
)

_COUNTS = (
    Column("trials_count", "integer", "trials", "Trials that are ok: fresh processes behind the figures."),
    Column("trials_failed_count", "integer", "trials", "Trials that are not ok."),
    Column(
        "samples_count",
        "integer",
        "inferences",
        "Inferences of the ok trials together behind the latencies.",
        _NOT_OK,
    ),
    Column(
        "blocks_count",
        "integer",
        "blocks",
        "Blocks of the ok trials together, of both networks, contaminated ones included.",
        _NOT_OK,
    ),
    Column(
        "blocks_contaminated_count",
        "integer",
        "blocks",
        "Blocks during which something else used the device: kept in the samples, left out of the figures.",
        _NOT_OK,
    ),
)

_COST = (
    Column(
        "memory_peak_mib",
        "number",
        "MiB",
        "Largest resident memory of a measuring process, runtime and reference network included.",
        _NOT_OK,
    ),
    Column("load_s", "number", "s", "Median over the trials of the time to create the session.", _NOT_OK),
    Column("first_inference_ms", "number", "ms", "Median over the trials of the first inference.", _NOT_OK),
)

_NETWORK = (
    Column("resolution", "integer", "pixels", "Height and width of the input.", "the input is not square"),
    Column("classes", "integer", "", "Classes of the output.", _UNKNOWN),
    Column("parameters", "integer", "", "Trainable parameters of the network.", _UNKNOWN),
    Column("macs", "integer", "", "Multiply-adds of one image, convolutions and linear layers.", _UNKNOWN),
)

_ARTIFACT = (
    Column("artifact_mib", "number", "MiB", "Size of the artifact's file.", _NO_ARTIFACT),
    Column("exporter", "text", "", "Exporter and its version.", _NO_ARTIFACT),
    Column("opset", "integer", "", "ONNX operator set of the artifact.", _NO_ARTIFACT),
    Column(
        "conversion_s",
        "number",
        "s",
        "Time the conversion took when it was made; a cached artifact keeps its figure.",
        "nothing was converted",
    ),
    Column(
        "verification_relative_l2",
        "number",
        "",
        "Largest relative L2 error of the artifact's logits against the model's, or the fp32 artifact's.",
        "nothing was converted",
    ),
)

_PROVENANCE = (
    Column("precision_effective", "text", "", "Precision the engine really ran, read back from it.", _NOT_OK),
    Column("device", "text", "", "The processor or accelerator measured."),
    Column("runtime", "text", "", "Runtime and version.", _NOT_OK),
    Column("provider", "text", "", "Execution provider that ran the graph.", _NOT_OK),
    Column("threads", "integer", "", "Threads one inference may use.", "the device is not a CPU"),
    Column(
        "environment_id",
        "text",
        "",
        "Digest of device, driver, runtime, threads and clock policy. Rows with different ids are never "
        "ranked against each other.",
    ),
    Column("measured_at", "time", "", "Start of the newest trial, ISO 8601, UTC.", "no trial has finished"),
    Column("artifact_sha256", "text", "", "Digest of the artifact.", _NO_ARTIFACT),
    Column("artifact_path", "text", "", "Path of the artifact where it was measured.", _NO_ARTIFACT),
    Column("weights_sha256", "text", "", "Digest of the weights.", _UNKNOWN),
    Column("input_digest", "text", "", "Digest of the input tensor that was timed.", _NOT_OK),
    Column("reference_sha256", "text", "", "Digest of the reference network.", _NOT_OK),
    Column("run_seed", "integer", "", "Seed of the run: order of the trials and their inputs."),
    Column("schema_version", "integer", "", "Version of this table of columns."),
)

COLUMNS: tuple[Column, ...] = (
    *_IDENTITY,
    *_ACCURACY,
    *_LATENCY,
    *_COUNTS,
    *_COST,
    *_NETWORK,
    *_ARTIFACT,
    *_PROVENANCE,
)

COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
