"""The one schema of results.csv: every column in order, with unit, meaning and when it is empty.

Writers, readers and `docs/columns.md` all follow this table. Whatever changes the name, type, order
or meaning of a column raises `SCHEMA_VERSION`: rows of two versions are never mixed in one file.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

SCHEMA_VERSION = 3

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
_NOT_EVALUATED = "it was not measured"
_FEW_CLASSES = "it was not measured, or there are five classes or fewer"
_NO_DIFFERENCE = "it was not measured, or the release states none"
_NO_GPU = "it did not run on a GPU, or status is not ok"
_NOT_TOLD = "it did not run on a GPU, or the device does not tell"
_NO_ENGINE = "the runtime built none"
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
    Column(
        "accuracy_measured_top1_low_percent", "number", "%", "Lower end of its 95 % interval, Wilson's.", _NOT_EVALUATED
    ),
    Column(
        "accuracy_measured_top1_high_percent",
        "number",
        "%",
        "Upper end of its 95 % interval.",
        _NOT_EVALUATED,
    ),
    Column("accuracy_measured_top5_percent", "number", "%", "Top-5 accuracy, measured.", _FEW_CLASSES),
    Column("accuracy_measured_top5_low_percent", "number", "%", "Lower end of its 95 % interval.", _FEW_CLASSES),
    Column("accuracy_measured_top5_high_percent", "number", "%", "Upper end of its 95 % interval.", _FEW_CLASSES),
    Column(
        "accuracy_measured_reason",
        "text",
        "",
        "Why there is no measured accuracy, where one was asked for.",
        "it was measured, or nobody asked",
    ),
    Column("accuracy_images_count", "integer", "images", "Images behind the measured accuracy.", _NOT_EVALUATED),
    Column(
        "accuracy_unreadable_count",
        "integer",
        "images",
        "Images that gave no input and are not among them; `accuracy/*/unreadable.csv` lists them.",
        _NOT_EVALUATED,
    ),
    Column("accuracy_images_digest", "text", "", "Digest of the images' names and labels.", _NOT_EVALUATED),
    Column(
        "accuracy_difference_percent",
        "number",
        "%",
        "Measured less published top-1, in percentage points.",
        _NO_DIFFERENCE,
    ),
    Column(
        "accuracy_published_in_interval",
        "text",
        "",
        "`yes` or `no`: whether the published top-1 lies within the interval of the measured one.",
        _NO_DIFFERENCE,
    ),
    Column(
        "weights",
        "text",
        "",
        "`released` (fetched from the release), `file` (another checkpoint) or `probe` (seeded). A probe row has the "
        "release's published accuracy and no measured one.",
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
        "Batch over `latency_median_ms`; on a GPU, images over wall time with inferences enqueued back to back.",
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
        "latency_trials_ms",
        "text",
        "ms",
        "The ok trials' medians, oldest first, separated by blanks: what two runs are compared by.",
        _NOT_OK,
    ),
    Column("ratio_trials", "text", "", "Their ratios to the reference network.", _NOT_OK),
    Column("reference_trials_ms", "text", "ms", "The reference network's medians in them.", _NOT_OK),
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

_GPU = (
    Column(
        "latency_host_median_ms",
        "number",
        "ms",
        "Input copied to the GPU, inference, outputs copied back, one at a time. Median over the trials, as are "
        "all numbers of this group but the counts.",
        _NO_GPU,
    ),
    Column("input_copy_median_ms", "number", "ms", "Copy of the input to the GPU.", _NO_GPU),
    Column("output_copy_median_ms", "number", "ms", "Copy of the outputs from the GPU.", _NO_GPU),
    Column("enqueue_median_ms", "number", "ms", "Host time to enqueue one inference.", _NO_GPU),
    Column("cuda_graph", "text", "", "`on` where an inference was replayed as one CUDA graph, else `off`.", _NO_GPU),
    Column("queue_depth", "integer", "inferences", "Enqueued before the host waited for the oldest.", _NO_GPU),
    Column("wait", "text", "", "How the host waited for the GPU: `block` or `spin`.", _NO_GPU),
    Column("gpu_sm_clock_mhz", "number", "MHz", "Clock of the multiprocessors between groups of blocks.", _NOT_TOLD),
    Column("gpu_memory_clock_mhz", "number", "MHz", "Clock of the memory.", _NOT_TOLD),
    Column("gpu_power_w", "number", "W", "Power of the board.", _NOT_TOLD),
    Column("gpu_temperature_c", "number", "°C", "Temperature of the chip.", _NOT_TOLD),
    Column("gpu_energy_mj", "number", "mJ", "Energy of one inference, the whole board's.", _NOT_TOLD),
    Column("gpu_throttle_reasons", "text", "", "Why the clock was held back in any trial; `none`.", _NOT_TOLD),
    Column("gpu_foreign_processes_count", "integer", "processes", "Most others that computed on it.", _NOT_TOLD),
    Column("gpu_memory_mib", "number", "MiB", "Device memory of the engine and its context.", _NO_GPU),
    Column("engine_mib", "number", "MiB", "Size of the engine built for this device.", _NO_ENGINE),
    Column(
        "engine_build_s",
        "number",
        "s",
        "Time the engine took to build when it was built; a cached one keeps its figure.",
        _NO_ENGINE,
    ),
    Column("engine_sha256", "text", "", "Digest of the engine of the newest trial.", _NO_ENGINE),
    Column("warnings", "text", "", "What a reader should know of the figures, in sentences.", "there is nothing"),
)

_NETWORK = (
    Column("resolution", "integer", "pixels", "Height and width of the input.", "the input is not square"),
    Column("classes", "integer", "", "Classes of the output.", "not known, as where the output is not [N, classes]"),
    Column("parameters", "integer", "", "Trainable parameters of the network.", _UNKNOWN),
    Column("macs", "integer", "", "Multiply-adds of one image, convolutions and linear layers.", _UNKNOWN),
)

_ARTIFACT = (
    Column(
        "artifact_mib",
        "number",
        "MiB",
        "Size of the artifact's file and of those beside it that hold weights.",
        _NO_ARTIFACT,
    ),
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
    Column(
        "artifact_sha256",
        "text",
        "",
        "Digest of the artifact and of the files beside it that hold weights.",
        _NO_ARTIFACT,
    ),
    Column("artifact_path", "text", "", "Path of the artifact where it was measured.", _NO_ARTIFACT),
    Column("weights_sha256", "text", "", "Digest of the weights.", _UNKNOWN),
    Column(
        "checkpoint_sha256",
        "text",
        "",
        "SHA-256 of the file that the weights come from: of a released archive, the checkpoint in it.",
        "the weights come from no file",
    ),
    Column("checkpoint_url", "text", "", "Where the release keeps that file.", "the weights are not the release's"),
    Column(
        "implementation",
        "text",
        "",
        "Whose code was converted: `package` (the release's, as installed), `own` (this project's definition) or "
        "`release` (the release's own source tree).",
        "nothing was converted",
    ),
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
    *_GPU,
    *_NETWORK,
    *_ARTIFACT,
    *_PROVENANCE,
)

COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
