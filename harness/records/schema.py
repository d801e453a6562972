"""The one schema of results.csv: every column in order, with unit, meaning and when it is empty.

Writers, readers and `docs/columns.md` all follow this table. Any change of the name, type, order or
meaning of a column increases `SCHEMA_VERSION`: rows of two versions are never mixed in one file. A version that only
adds columns leaves the one before readable: the added cells are empty.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from harness.records.absence import Absence, RowState

SCHEMA_VERSION = 6

OLDEST_READABLE_VERSION = 3
"""The versions from this one on differ by added columns alone."""

ColumnType = Literal["text", "integer", "number", "time"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of results.csv."""

    name: str
    type: ColumnType
    unit: str
    """Unit of the value, empty for text and pure numbers."""
    description: str
    empty_when: tuple[Absence, ...] = ()
    """Reasons why the cell may be empty; without any it never is."""
    since: int = OLDEST_READABLE_VERSION
    """Schema version that added the column; files of older ones lack it."""

    @property
    def empty_text(self) -> str:
        """When the cell is empty, in words."""
        return ", or ".join(absence.text for absence in self.empty_when) or "never"

    def may_be_empty(self, state: RowState) -> bool:
        """Whether the cell may be empty in a row of this state."""
        return any(absence.may_hold(state) for absence in self.empty_when)


_NOT_OK = (Absence("status is not ok", lambda row: not row.ok),)
_NO_FAILURE = (Absence("status is ok and no trial failed", lambda row: row.ok and not row.trials_failed_count),)
_NO_TRIAL = (Absence("no trial has finished", lambda row: not row.trials_ok_count + row.trials_failed_count),)
_FEW_TRIALS = (Absence("fewer than two trials are ok, so there is no interval", lambda row: row.trials_ok_count < 2),)
_FEW_SAMPLES = (Absence("no trial has 662 samples"),)
_ONE_GROUP = (*_NOT_OK, Absence("no trial has two groups of blocks"))
_NO_PEAK = (*_NOT_OK, Absence("the system does not report it"))
_NO_CPU_ENERGY = (
    *_NOT_OK,
    Absence("it ran on a GPU"),
    Absence("there is no counter that the user may read, as in a virtual machine (`env` says why)"),
)
_NO_MODULE_ENERGY = (*_NOT_OK, Absence("the device is not a Jetson with such a sensor"))
_NO_ARTIFACT = (Absence("no artifact was made", lambda row: not row.has_artifact),)
_NOT_CONVERTED = (Absence("nothing was converted"),)
_NOT_READ = (*_NO_ARTIFACT, Absence("the file cannot be read"))
_NOT_EVALUATED = (Absence("it was not measured", lambda row: not row.accuracy_measured),)
_FEW_CLASSES = (*_NOT_EVALUATED, Absence("there are five classes or fewer", lambda row: not row.top5_measured))
_NO_DIFFERENCE = (
    *_NOT_EVALUATED,
    Absence("the release states none", lambda row: not row.top1_published),
    Absence("the images cover only some of the classes", lambda row: not row.classes_covered),
)
_NO_REASON = (
    Absence("it was measured", lambda row: row.accuracy_measured),
    Absence("accuracy was not requested", lambda row: not row.accuracy_asked),
)
_OFF_GPU = Absence("it did not run on a GPU", lambda row: not row.on_gpu)
_NO_GPU = (_OFF_GPU, *_NOT_OK)
_NOT_TOLD = (_OFF_GPU, Absence("the device does not report it"))
_NOT_SAID = (_OFF_GPU, Absence("the runtime does not report it"))
_NO_ENGINE = (Absence("the runtime built no engine"),)
_NO_JIT = (Absence("the runtime compiles nothing when an engine is loaded"),)
_NOTHING = (Absence("there are none"),)
_NOT_SQUARE = (Absence("the input is not square"),)
_NO_CLASSES = (Absence("not known, for example because the output is not [N, classes]"),)
_UNKNOWN = (Absence("not known, as for a user's model"),)
_NOT_STATED = (Absence("the release states none"),)
_NO_CPU = (Absence("the device is not a CPU"),)
_NO_FILE = (Absence("the weights come from no file"),)
_NOT_RELEASED = (Absence("the weights are not the release's"),)

_IDENTITY = (
    Column("model", "text", "", "Full name, `<source>/<the release's own name>`."),
    Column("source", "text", "", "Where the model was released, as in `list`."),
    Column("variant", "text", "", "The release's own name of the model."),
    Column("backend", "text", "", "Runtime that executed the artifact."),
    Column("precision", "text", "", "Requested precision."),
    Column("batch", "integer", "images", "Images in one inference."),
    Column(
        "status",
        "text",
        "",
        "`ok`, `failed`, `timeout`, `out_of_memory`, `unsupported` or `skipped`. `ok` means that at least "
        "one trial is ok; otherwise the status is that of the newest trial, or of the conversion.",
    ),
    Column(
        "reason",
        "text",
        "",
        "Reason for the status, on one line. On an ok row: how its failed trials failed.",
        _NO_FAILURE,
    ),
)

_ACCURACY = (
    Column("accuracy_published_top1_percent", "number", "%", "Top-1 accuracy the release states.", _NOT_STATED),
    Column("accuracy_published_top5_percent", "number", "%", "Top-5 accuracy the release states.", _NOT_STATED),
    Column("accuracy_published_source", "text", "", "Where the release states its accuracy.", _NOT_STATED),
    Column(
        "accuracy_published_training_data",
        "text",
        "",
        "Data that the released weights learned from, directly or through a teacher: `ImageNet-1k`, or with what came "
        "in addition after a plus sign, as in `ImageNet-1k + JFT-300M (unlabelled)`. Accuracies are comparable where "
        "it is equal.",
        _UNKNOWN,
        since=4,
    ),
    Column(
        "accuracy_published_teacher",
        "text",
        "",
        "The network that the released weights were distilled from.",
        (Absence("there was none"), *_UNKNOWN),
        since=4,
    ),
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
        "Why the requested accuracy was not measured.",
        _NO_REASON,
    ),
    Column("accuracy_images_count", "integer", "images", "Images behind the measured accuracy.", _NOT_EVALUATED),
    Column(
        "accuracy_unreadable_count",
        "integer",
        "images",
        "Images that could not be read and are not in the count; `accuracy/*/unreadable.csv` lists them.",
        _NOT_EVALUATED,
    ),
    Column(
        "accuracy_classes_covered_count",
        "integer",
        "classes",
        "Classes that these images have. Where they are fewer than the network's, the accuracy is not compared with "
        "the published one, which is of all classes.",
        (*_NOT_EVALUATED, Absence("an older version measured it")),
        since=5,
    ),
    Column("accuracy_images_digest", "text", "", "Digest of the images' names and labels.", _NOT_EVALUATED),
    Column(
        "accuracy_preprocessing",
        "text",
        "",
        "From an image to the network's input, in words: how it was resized, cropped and normalised.",
        (*_NOT_EVALUATED, Absence("an older version measured it")),
        since=4,
    ),
    Column(
        "accuracy_pixels_by",
        "text",
        "",
        "Libraries that decoded and resized the images, with their versions: they decide the pixels.",
        (*_NOT_EVALUATED, Absence("an older version measured it")),
        since=4,
    ),
    Column(
        "accuracy_computed_in",
        "text",
        "",
        "How the precision was computed where the processor has no kernels of it: `float32, each result rounded to "
        "float16`, by a graph that is evaluated and never timed.",
        (*_NOT_EVALUATED, Absence("the runtime's own kernels computed it")),
        since=5,
    ),
    Column(
        "accuracy_difference_percent",
        "number",
        "%",
        "Measured minus published top-1, in percentage points.",
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
        "`released` (fetched from the release), `file` (another checkpoint), `probe` (seeded) or `own` (what a user's "
        "network or file brings). A probe row has the release's published accuracy and no measured one.",
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
        "Latency divided by that of the reference network, measured in alternating blocks of the same trial; "
        "median over the trials. Use it to compare runs: on a shared machine it varies far less than the time.",
        _NOT_OK,
    ),
    Column("ratio_low", "number", "", "Lower end of its 95 % interval over trials.", _FEW_TRIALS),
    Column("ratio_high", "number", "", "Upper end of its 95 % interval over trials.", _FEW_TRIALS),
    Column(
        "throughput_images_per_s",
        "number",
        "images/s",
        "Batch divided by `latency_median_ms`; on a GPU, images per wall time with inferences enqueued back to back.",
        _NOT_OK,
    ),
    Column("latency_mean_ms", "number", "ms", "Median over the trials of the trials' means.", _NOT_OK),
    Column("latency_p90_ms", "number", "ms", "Median over the trials of the trials' 90th percentiles.", _NOT_OK),
    Column(
        "latency_p99_ms",
        "number",
        "ms",
        "Median over the trials of the 99th percentiles of the trials with 662 samples or more.",
        _FEW_SAMPLES,
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
        _ONE_GROUP,
    ),
)

_COUNTS = (
    Column("trials_count", "integer", "trials", "Trials that are ok: fresh processes behind the figures."),
    Column("trials_failed_count", "integer", "trials", "Trials that are not ok."),
    Column(
        "latency_trials_ms",
        "text",
        "ms",
        "Medians of the ok trials, oldest first, separated by spaces; two runs are compared by them.",
        _NOT_OK,
    ),
    Column("ratio_trials", "text", "", "Ratios of these trials to the reference network.", _NOT_OK),
    Column("reference_trials_ms", "text", "ms", "Medians of the reference network in these trials.", _NOT_OK),
    Column(
        "samples_count",
        "integer",
        "inferences",
        "Inferences behind the latencies, all ok trials together.",
        _NOT_OK,
    ),
    Column(
        "blocks_count",
        "integer",
        "blocks",
        "Blocks of all ok trials, of both networks, contaminated ones included.",
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
        _NO_PEAK,
    ),
    Column("load_s", "number", "s", "Median over the trials of the time to create the session.", _NOT_OK),
    Column("first_inference_ms", "number", "ms", "Median over the trials of the first inference.", _NOT_OK),
    Column(
        "cpu_energy_mj",
        "number",
        "mJ",
        "Energy of one inference by the processor's own counter (RAPL), median over the trials. Informative: it is of "
        "the whole processor, other programs and idle power included, and no comparison uses it (docs/energy.md).",
        _NO_CPU_ENERGY,
        since=6,
    ),
    Column(
        "module_energy_mj",
        "number",
        "mJ",
        "Energy of one inference by the power sensor of a Jetson's whole module (INA3221), median over the trials. "
        "Informative like the one before.",
        _NO_MODULE_ENERGY,
        since=6,
    ),
)

_GPU = (
    Column(
        "latency_host_median_ms",
        "number",
        "ms",
        "Input copied to the GPU, inference, outputs copied back, one at a time. Median over the trials, as are "
        "all numbers of this group except the counts.",
        _NO_GPU,
    ),
    Column("input_copy_median_ms", "number", "ms", "Copy of the input to the GPU.", _NO_GPU),
    Column("output_copy_median_ms", "number", "ms", "Copy of the outputs from the GPU.", _NO_GPU),
    Column("enqueue_median_ms", "number", "ms", "Host time to enqueue one inference.", _NO_GPU),
    Column("cuda_graph", "text", "", "`on` if an inference was replayed as one CUDA graph, else `off`.", _NO_GPU),
    Column(
        "queue_depth", "integer", "inferences", "Inferences enqueued before the host waited for the oldest.", _NO_GPU
    ),
    Column("wait", "text", "", "How the host waited for the GPU: `block` or `spin`.", _NO_GPU),
    Column("gpu_sm_clock_mhz", "number", "MHz", "Clock of the multiprocessors between groups of blocks.", _NOT_TOLD),
    Column("gpu_memory_clock_mhz", "number", "MHz", "Clock of the memory.", _NOT_TOLD),
    Column("gpu_power_w", "number", "W", "Power of the board.", _NOT_TOLD),
    Column("gpu_temperature_c", "number", "°C", "Temperature of the chip.", _NOT_TOLD),
    Column(
        "gpu_energy_mj",
        "number",
        "mJ",
        "Energy of one inference, of the whole board, idle power included. Informative: no comparison uses it.",
        _NOT_TOLD,
    ),
    Column("gpu_throttle_reasons", "text", "", "Why the clock was throttled in any trial, or `none`.", _NOT_TOLD),
    Column(
        "gpu_foreign_processes_count",
        "integer",
        "processes",
        "Largest number of other processes that computed on the GPU.",
        _NOT_TOLD,
    ),
    Column("gpu_memory_mib", "number", "MiB", "Device memory of the engine and its context.", _NOT_SAID),
    Column("engine_mib", "number", "MiB", "Size of the engine.", _NO_ENGINE),
    Column(
        "engine_build_s",
        "number",
        "s",
        "Time it took to build the engine; a cached one keeps its figure.",
        _NO_ENGINE,
    ),
    Column("engine_sha256", "text", "", "Digest of the engine of the newest trial.", _NO_ENGINE),
    Column(
        "engine_portable",
        "text",
        "",
        "`yes` if the engine runs on GPUs of several compute capabilities, `no` if it is for one.",
        _NO_ENGINE,
        since=5,
    ),
    Column(
        "engine_capabilities",
        "text",
        "",
        "Compute capabilities that the engine is for: `9.0` if it was built on that GPU, `sm86+sm89` if they were "
        "requested, `8.0 and later` by default of TensorRT-RTX.",
        _NO_ENGINE,
        since=5,
    ),
    Column(
        "jit_s",
        "number",
        "s",
        "Time to create the execution context and run the first inference, in which TensorRT-RTX compiles kernels "
        "unless its cache has them: the largest of all trials. Not part of any latency.",
        _NO_JIT,
        since=5,
    ),
    Column(
        "jit_cache",
        "text",
        "",
        "Whether that cache had the kernels in the trial of `jit_s`: `hit`, `partial` (some were added) or `miss`.",
        _NO_JIT,
        since=5,
    ),
    Column("warnings", "text", "", "What a reader should know about the figures, in sentences.", _NOTHING),
)

_NETWORK = (
    Column("resolution", "integer", "pixels", "Height and width of the input.", _NOT_SQUARE),
    Column("classes", "integer", "", "Classes of the output.", _NO_CLASSES),
    Column("parameters", "integer", "", "Trainable parameters of the network.", _UNKNOWN),
    Column("macs", "integer", "", "Multiply-adds of one image, convolutions and linear layers.", _UNKNOWN),
)

_ARTIFACT = (
    Column(
        "artifact_mib",
        "number",
        "MiB",
        "Size of the artifact's file and of the files beside it that hold weights.",
        _NO_ARTIFACT,
    ),
    Column("exporter", "text", "", "Exporter and its version.", _NOT_CONVERTED),
    Column(
        "graph",
        "text",
        "",
        "`native`, as the exporter writes it, or `fused`, with operators put back that the runtime is faster with "
        "(docs/graphs.md).",
        since=5,
    ),
    Column(
        "calibration",
        "text",
        "",
        "Images that an INT8 artifact's ranges come from, as in `128 images of photographs/` or `16 generated images`.",
        (*_NOT_CONVERTED, Absence("the precision is not int8")),
        since=4,
    ),
    Column(
        "inputs",
        "text",
        "",
        "What the inputs of a user's network held while its latency was measured: `0:255` for uniform noise in that "
        "range, `-1:1,-1:1,-1:1` for a range of each channel (what `--preprocessing` makes of pixels), or the path of "
        "a file.",
        (Absence("they held values by their types (docs/models.md), as those of every model of the zoo"),),
        since=5,
    ),
    Column(
        "inputs_sha256",
        "text",
        "",
        "Digest of that file. Rows whose inputs held something else are never compared.",
        (Absence("the inputs held the values of no file"),),
        since=5,
    ),
    Column(
        "custom_operators",
        "text",
        "",
        "Library of the operators of a user's network that the runtime lacks.",
        _NOTHING,
        since=5,
    ),
    Column("custom_operators_sha256", "text", "", "Digest of that library.", _NOTHING, since=5),
    Column("opset", "integer", "", "ONNX operator set of the artifact.", _NOT_READ),
    Column(
        "conversion_s",
        "number",
        "s",
        "Time the conversion took; a cached artifact keeps its figure.",
        _NOT_CONVERTED,
    ),
    Column(
        "verification_relative_l2",
        "number",
        "",
        "Largest relative L2 error of the artifact's logits against the model's, or the fp32 artifact's.",
        _NOT_CONVERTED,
    ),
)

_PROVENANCE = (
    Column("precision_effective", "text", "", "Precision the engine actually ran in, read back from it.", _NOT_OK),
    Column("device", "text", "", "The processor or accelerator measured."),
    Column("runtime", "text", "", "Runtime and version.", _NOT_OK),
    Column("provider", "text", "", "Execution provider that ran the graph.", _NOT_OK),
    Column("threads", "integer", "", "Threads an inference may use.", _NO_CPU),
    Column(
        "environment_id",
        "text",
        "",
        "Digest of device, driver, runtime, threads and clock policy. Rows with different ids are never "
        "ranked against each other.",
    ),
    Column("measured_at", "time", "", "Start of the newest trial, ISO 8601, UTC.", _NO_TRIAL),
    Column(
        "artifact_sha256",
        "text",
        "",
        "Digest of the artifact and of the files beside it that hold weights.",
        _NO_ARTIFACT,
    ),
    Column("artifact_path", "text", "", "Path of the artifact on the machine that measured it.", _NO_ARTIFACT),
    Column("weights_sha256", "text", "", "Digest of the weights.", _UNKNOWN),
    Column(
        "checkpoint_sha256",
        "text",
        "",
        "SHA-256 of the file that the weights come from; for a released archive, of the checkpoint in it.",
        _NO_FILE,
    ),
    Column("checkpoint_url", "text", "", "Where the release keeps that file.", _NOT_RELEASED),
    Column(
        "implementation",
        "text",
        "",
        "Whose code was converted: `package` (the release's, as installed), `own` (this project's definition) or "
        "`release` (the release's own source tree).",
        _NOT_CONVERTED,
    ),
    Column("input_digest", "text", "", "Digest of the input tensor that was timed.", _NOT_OK),
    Column("reference_sha256", "text", "", "Digest of the reference network.", _NOT_OK),
    Column(
        "measured_as",
        "text",
        "",
        "Model whose trials this row shows: both have the same artifact, which is measured once a run.",
        (Absence("the trials are its own"), *_NO_TRIAL),
        since=4,
    ),
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


def columns_of(version: int) -> tuple[Column, ...]:
    """The columns of a file of a readable schema version, in order."""
    return tuple(column for column in COLUMNS if column.since <= version)
