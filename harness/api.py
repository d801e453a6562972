"""The Python interface: the same as the command line, by the same code, with data frames as results.

No function prints to standard output, ends the process or installs a signal handler, and none needs an
`if __name__ == "__main__"` around it: they work in a script, a notebook, an interactive session and a thread. Calls in
one process take turns, since what they measure would otherwise disturb each other. Notes and progress go to standard
error, or nowhere with `progress=False`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from foundation.cache import default_cache_dir
from foundation.vocabulary import DEFAULT_OPSET, PROBE, RELEASED
from harness.artifacts.onnx_files import OnnxFile
from harness.artifacts.request import ArtifactRequest
from harness.commands.options.models import of_library
from harness.comparison.verdict import RunRules, RunsComparison, compare_runs
from harness.errors import HarnessError
from harness.processes.inputs import Feed, array_file
from harness.records.directory import RESULTS_NAME
from harness.records.reader import read_run
from harness.records.table import load_rows
from harness.runs.prepare import PreparedRun, prepared
from harness.runs.request import DEFAULT_BUDGET_S, DEFAULT_ROUNDS, RunRequest
from harness.runs.run import measured
from harness.text.console import say
from harness.text.notes import silenced
from harness.timing.settings import TimingSettings

if TYPE_CHECKING:
    import pandas

    from harness.accuracy.request import AccuracyRequest
    from harness.datasets import ImageSet

__all__ = ["compare", "evaluate", "results", "run"]

AnyPath: TypeAlias = str | PathLike[str]
Some: TypeAlias = str | Sequence[str]
"""One text, or several."""

_DEFAULT_MODELS = "smoke"


def run(
    models: Some = (),
    *,
    timm: Some = (),
    torchvision: Some = (),
    onnx: AnyPath | Sequence[AnyPath] = (),
    model: Some = (),
    artifacts: AnyPath | None = None,
    backend: Some = ArtifactRequest.backend,
    graph: Some = ArtifactRequest.graph,
    precision: Some = ArtifactRequest.precision,
    batch: int = ArtifactRequest.batch,
    weights: str = ArtifactRequest.weights,
    calibration_images: AnyPath | None = None,
    calibration_count: int | None = None,
    opset: int | None = None,
    resolution: int | None = None,
    preprocessing: str = "",
    shape: Mapping[str, Sequence[int]] | None = None,
    input_range: tuple[float, float] | None = None,
    input: AnyPath | None = None,
    custom_operators: AnyPath | None = None,
    threads: int | None = None,
    rounds: int = DEFAULT_ROUNDS,
    budget_s: float = DEFAULT_BUDGET_S,
    half_width_percent: float = RunRequest.half_width_percent,
    timing: TimingSettings | None = None,
    images: AnyPath | None = None,
    ground_truth: AnyPath | None = None,
    class_order: str = "",
    background_class: int | None = None,
    output: AnyPath = "results",
    cache_dir: AnyPath | None = None,
    progress: bool = True,
) -> pandas.DataFrame:
    """Measures latency in rounds of fresh processes, as `python -m harness run` does; with images, accuracy too.

    The same call again resumes: nothing finished is measured twice.

    Args:
        models: names, globs, sources or suites of the zoo; `smoke` if nothing at all is requested, and all of
            `artifacts` if that is given.
        timm: names or globs of timm's networks.
        torchvision: names or globs of torchvision's networks.
        onnx: the user's ONNX files.
        model: user networks, as `module:function`.
        artifacts: a folder of `convert --export` to measure instead of converting.
        backend: the runtime, or several that are measured side by side in the same rounds.
        graph: `native`, as the exporter writes it, `fused` (docs/graphs.md), or both of them.
        precision: `fp32`, `fp16`, `int8`, or `bf16` with backend openvino, or several of them. With `fp32` alone, an
            ONNX file is measured in the precision of its graph.
        batch: images per inference.
        weights: `probe`, `released`, `auto`, or the path of a checkpoint.
        calibration_images: folder of images that int8 takes its ranges from.
        calibration_count: largest number of these images that are used; 128 if None.
        opset: ONNX operator set; the newest that the runtime reads, up to the default, if None.
        resolution: input size in pixels of user networks; that of `preprocessing`, or 224, if None.
        preprocessing: how images are prepared for user networks, for int8's ranges and the range of the timed noise as
            for the accuracy: the name of a model of the zoo, or a TOML file; the usual way is assumed, with a warning,
            if empty, and the noise is standard normal.
        shape: the whole shape of inputs that ONNX files leave free, by name, as in `{"images": (1, 3, 224, 224)}`;
            `batch` and `resolution` decide that of images, which is otherwise 224 pixels, with a warning.
        input_range: lowest and highest value of the uniform noise that the inputs of user networks and ONNX files
            hold; values by their types if None.
        input: what those inputs hold instead: an `.npy` file, or an `.npz` file with an array for each name.
        custom_operators: library of the operators of ONNX files that ONNX Runtime lacks.
        threads: threads of an inference; the number of physical cores if None.
        rounds: maximum number of trials of each series.
        budget_s: seconds of measuring after which no further round or trial is started.
        half_width_percent: a series is no longer measured once its ratio's interval is this narrow.
        timing: how a trial warms up and measures; as on the command line if None.
        images: labelled images to evaluate the series on afterwards.
        ground_truth: file of their labels, for images that are not in class folders.
        class_order: `name`, `number` or `index`: how the classes are numbered (docs/accuracy.md); by the numbers in
            their names, or by the names, if empty.
        background_class: the output that is no class, in networks with one output more than there are classes.
        output: the run directory, new or of the same run.
        cache_dir: where artifacts are kept; the user's cache directory if None.
        progress: whether to report progress on standard error.

    Returns:
        The requested rows of `results.csv` (docs/columns.md), with a type for each column. A series that
        could not be converted or measured is a row with its status and reason.

    Raises:
        HarnessError: a bad request, an unusable backend, or a directory of another run.
    """
    models = _with_libraries(models, timm, torchvision)
    if not (models or onnx or model or artifacts):
        models = _DEFAULT_MODELS
    request = dataclasses.replace(
        _requested(
            models=models,
            onnx=onnx,
            model=model,
            artifacts=artifacts,
            backend=backend,
            graph=graph,
            precision=precision,
            batch=batch,
            weights=weights,
            calibration_images=calibration_images,
            calibration_count=calibration_count,
            opset=opset,
            resolution=resolution,
            preprocessing=preprocessing,
            shape=shape,
            inputs=_held(input_range, input),
            custom_operators=custom_operators,
        ),
        threads=threads,
        rounds=rounds,
        budget_s=budget_s,
        half_width_percent=half_width_percent,
        timing=timing or TimingSettings(),
    )
    request.check()
    accuracy = (
        _opened_images(images, ground_truth, None, 0, class_order, background_class) if images is not None else None
    )
    directory = Path(output)
    with _notes(progress), _reported(directory), measured(request, directory, _cache(cache_dir), say) as (ready, _):
        if accuracy is not None:
            _evaluate(*accuracy, ready, request.wanted)
    return _rows(ready)


def evaluate(
    images: AnyPath,
    models: Some = (),
    *,
    timm: Some = (),
    torchvision: Some = (),
    onnx: AnyPath | Sequence[AnyPath] = (),
    model: Some = (),
    artifacts: AnyPath | None = None,
    backend: Some = ArtifactRequest.backend,
    graph: Some = ArtifactRequest.graph,
    precision: Some = ArtifactRequest.precision,
    batch: int = ArtifactRequest.batch,
    weights: str | None = None,
    calibration_images: AnyPath | None = None,
    calibration_count: int | None = None,
    opset: int | None = None,
    resolution: int | None = None,
    preprocessing: str = "",
    shape: Mapping[str, Sequence[int]] | None = None,
    input_range: tuple[float, float] | None = None,
    input: AnyPath | None = None,
    custom_operators: AnyPath | None = None,
    threads: int | None = None,
    ground_truth: AnyPath | None = None,
    class_order: str = "",
    background_class: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    output: AnyPath = "results",
    cache_dir: AnyPath | None = None,
    progress: bool = True,
) -> pandas.DataFrame:
    """Measures accuracy on labelled images, as `python -m harness accuracy` does.

    Args:
        images: labelled images: a folder, an archive or a tar (docs/accuracy.md).
        models: as for `run`.
        timm: as for `run`.
        torchvision: as for `run`.
        onnx: as for `run`.
        model: as for `run`.
        artifacts: as for `run`.
        backend: as for `run`.
        graph: as for `run`.
        precision: as for `run`.
        batch: as for `run`.
        weights: as for `run`; if None, released weights for models of the zoo and of libraries.
        calibration_images: as for `run`.
        calibration_count: as for `run`.
        opset: as for `run`.
        resolution: as for `run`.
        preprocessing: as for `run`; that of ONNX files too.
        shape: as for `run`.
        input_range: as for `run`, to find the row of a run that was measured so; the images are what is evaluated.
        input: as for `run`, likewise.
        custom_operators: as for `run`.
        threads: as for `run`.
        ground_truth: as for `run`.
        class_order: as for `run`.
        background_class: as for `run`.
        limit: number of images of a class-balanced subset; all if None.
        seed: seed of the subset.
        output: the run directory: that of an earlier run, whose rows get their accuracy, or a new one.
        cache_dir: as for `run`.
        progress: as for `run`.

    Returns:
        The requested rows of `results.csv`, with `accuracy_measured_*` or the reason why there is none.

    Raises:
        HarnessError: a bad request, an unusable backend, or images that cannot be read.
    """
    models = _with_libraries(models, timm, torchvision)
    # Other weights predict nothing, so there would be nothing to measure.
    asked = weights or (RELEASED if models and not artifacts else PROBE)
    request = _requested(
        models=models,
        onnx=onnx,
        model=model,
        artifacts=artifacts,
        backend=backend,
        graph=graph,
        precision=precision,
        batch=batch,
        weights=asked,
        calibration_images=calibration_images,
        calibration_count=calibration_count,
        opset=opset,
        resolution=resolution,
        preprocessing=preprocessing,
        shape=shape,
        inputs=_held(input_range, input),
        custom_operators=custom_operators,
    )
    request = dataclasses.replace(request, threads=threads)
    request.check()
    accuracy = _opened_images(images, ground_truth, limit, seed, class_order, background_class)
    from harness.accuracy.session import settings_of_latency

    directory = Path(output)
    settings = settings_of_latency(directory)
    with (
        _notes(progress),
        _reported(directory),
        prepared(request, directory, _cache(cache_dir), False, say, settings, times=False) as ready,
    ):
        _evaluate(*accuracy, ready, request.wanted)
    return _rows(ready)


def compare(
    base: AnyPath,
    new: AnyPath,
    *,
    margin_percent: float = RunRules.margin_percent,
    threshold_percent: float = RunRules.threshold_percent,
    error_rate: float = RunRules.error_rate,
    across_environments: bool = False,
) -> RunsComparison:
    """Compares two runs series by series, as `python -m harness compare` does.

    Args:
        base: a run directory, or its `results.csv`.
        new: the run to judge.
        margin_percent: change that is tolerated.
        threshold_percent: change that matters; a series whose interval lies within it is `same`.
        error_rate: probability of any false alarm among all series.
        across_environments: whether runs of different environments may be compared.

    Returns:
        A verdict for every series of either run; its `table` is a data frame.

    Raises:
        HarnessError: a run cannot be read, or the runs have nothing that may be compared.
    """
    rules = RunRules(
        margin_percent=margin_percent,
        threshold_percent=threshold_percent,
        error_rate=error_rate,
        across_environments=across_environments,
    )
    return compare_runs(read_run(Path(base)), read_run(Path(new)), rules)


def results(directory: AnyPath = "results") -> pandas.DataFrame:
    """Returns every row of a run, as it is now.

    Args:
        directory: the run directory, or its `results.csv`.

    Returns:
        The rows, with a type for each column. A missing text is empty and a missing time NaT; integers are `Int64` with
        NA, and numbers `float64` with NaN.

    Raises:
        HarnessError: there is no such file, or it is damaged or of another version.
    """
    path = Path(directory)
    return load_rows(path / RESULTS_NAME if path.is_dir() else path)


def _requested(
    *,
    models: Some,
    onnx: AnyPath | Sequence[AnyPath],
    model: Some,
    artifacts: AnyPath | None,
    backend: Some,
    graph: Some,
    precision: Some,
    batch: int,
    weights: str,
    calibration_images: AnyPath | None,
    calibration_count: int | None,
    opset: int | None,
    resolution: int | None,
    preprocessing: str,
    shape: Mapping[str, Sequence[int]] | None,
    inputs: str,
    custom_operators: AnyPath | None,
) -> RunRequest:
    several = {"backend": backend, "graph": graph, "precision": precision}
    asked = {name: tuple(dict.fromkeys(_several(some))) for name, some in several.items()}
    if empty := [name for name, values in asked.items() if not values]:
        raise HarnessError(f"{empty[0]}: give at least one")
    first: dict[str, Any] = {name: values[0] for name, values in asked.items()}
    files = [onnx] if isinstance(onnx, str | PathLike) else onnx
    wanted = ArtifactRequest(
        models=_several(models),
        own_models=_several(model),
        onnx_files=tuple(OnnxFile.of(str(file)) for file in files),
        file_precision="" if first["precision"] == ArtifactRequest.precision else first["precision"],
        artifacts=None if artifacts is None else Path(artifacts),
        **first,
        batch=batch,
        weights=weights,
        calibration_images=None if calibration_images is None else Path(calibration_images),
        calibration_count=calibration_count,
        opset=opset or DEFAULT_OPSET,
        resolution=resolution,
        preprocessing=preprocessing,
        shapes={name: tuple(sizes) for name, sizes in (shape or {}).items()},
        inputs=inputs,
        custom_operators="" if custom_operators is None else str(Path(custom_operators).absolute()),
    )
    request = RunRequest(wanted, varied={name: values for name, values in asked.items() if len(values) > 1})
    return request if opset or artifacts else request.with_readable_opset()


def _held(input_range: tuple[float, float] | None, input: AnyPath | None) -> str:
    """What inputs hold, as a request states it.

    Raises:
        HarnessError: both are given, or one of them is neither a range nor a file of arrays.
    """
    if input_range is not None and input is not None:
        raise HarnessError("input_range and input: give one of them; each says what the inputs hold")
    if input is not None:
        return array_file(str(Path(input)))
    return "" if input_range is None else str(Feed.of(":".join(map(str, input_range))))


def _with_libraries(models: Some, timm: Some, torchvision: Some) -> tuple[str, ...]:
    return (*_several(models), *of_library("timm", timm), *of_library("torchvision", torchvision))


def _several(texts: Some) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _cache(directory: AnyPath | None) -> Path:
    return default_cache_dir() if directory is None else Path(directory)


def _notes(progress: bool) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if progress else silenced()


@contextlib.contextmanager
def _reported(output: Path) -> Iterator[None]:
    """Writes the reports of the run directory when measuring ends, also by an interruption."""
    from reports.write import write_reports

    def write() -> None:
        if (output / RESULTS_NAME).is_file():
            for note in write_reports(output).notes:
                say(note)

    try:
        yield
    except KeyboardInterrupt:
        write()
        raise
    write()


def _opened_images(
    images: AnyPath,
    ground_truth: AnyPath | None,
    limit: int | None,
    seed: int,
    class_order: str,
    background_class: int | None,
) -> tuple[AccuracyRequest, ImageSet]:
    from harness.accuracy.request import AccuracyRequest

    truth = None if ground_truth is None else Path(ground_truth)
    request = AccuracyRequest(
        Path(images), truth, limit, seed, class_order=class_order, background_class=background_class
    )
    return request, request.open()


def _evaluate(request: AccuracyRequest, images: ImageSet, ready: PreparedRun, wanted: ArtifactRequest) -> None:
    # Not at the top: a machine that only measures has neither the zoo nor the packages that read images.
    from harness.accuracy.session import AccuracyTask

    AccuracyTask(request, images, ready, say, wanted.own_preprocessing()).evaluate(ready.series)


def _rows(ready: PreparedRun) -> pandas.DataFrame:
    """Returns the rows of the request, as they are in the run directory."""
    wanted = {one.key for one in ready.series}
    rows = results(ready.directory.path)
    return rows[[one.key in wanted for one in ready.directory.series()]].reset_index(drop=True)
