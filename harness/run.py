"""A run: convert what is missing, then rounds of trials, each stored as it ends."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import backends, facts, reference
from harness.accuracy.outcome import AccuracyOutcome
from harness.backends.base import Backend
from harness.build import Builder, BuildJob, BuildResult
from harness.bundle import Bundle, check_opsets, read_bundle
from harness.digests import file_sha256
from harness.environment import collect, crowded_threads
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, HarnessError
from harness.gpu.exclusive import refuse_shared
from harness.gpu.settings import GpuSettings
from harness.plan import measurable
from harness.progress import Progress, minutes_text
from harness.released import with_weights
from harness.request import RunRequest
from harness.results import RunDirectory
from harness.rounds import Rounds
from harness.rows import Row
from harness.run_info import RUN_INFO_NAME, load_run_info
from harness.series import SeriesFacts

if TYPE_CHECKING:
    from converters.pool import Conversion
    from harness.accuracy.request import AccuracyRequest

Say = Callable[[str], None]
"""Tells the user a line."""


@dataclasses.dataclass(frozen=True)
class RunOutcome:
    """How a run ended."""

    output: Path
    rows_ok: int
    rows_not_ok: int
    stopped_by_budget: bool
    accuracy: AccuracyOutcome | None = None
    """Of the evaluation that followed, where there was one."""

    @property
    def exit_code(self) -> int:
        """Exit code of the command line."""
        of_accuracy = self.accuracy.exit_code if self.accuracy else EXIT_SUCCESS
        return EXIT_FAILED_ROWS if self.rows_not_ok else of_accuracy


def convert_all(request: RunRequest, cache_dir: Path, say: Say) -> list[SeriesFacts]:
    """Every series of the request, what had to be converted converted; failures are rows too."""
    from converters.pool import PoolSettings, convert_many

    resolved = with_weights(request, cache_dir, say)
    wanted = resolved.conversions
    limits = PoolSettings(workers=request.workers, timeout_s=request.conversion_timeout_s)
    found = [facts.facts_of_conversion(conversion, request.backend) for conversion in resolved.failed]
    warnings: collections.Counter[str] = collections.Counter()
    started = time.monotonic()
    counts = dict.fromkeys(("converted", "from the cache", "failed"), 0)
    with Progress("convert", len(wanted)) as progress:
        for conversion in convert_many(wanted, cache_dir, limits):
            failed = conversion.status != "ok"
            counts["failed" if failed else "from the cache" if conversion.cached else "converted"] += 1
            progress.step(_conversion_line(conversion), problem=failed)
            if conversion.artifact is not None:
                warnings.update(conversion.artifact.provenance.get("warnings", ()))
            found.append(facts.facts_of_conversion(conversion, request.backend))
    for text, count in warnings.items():
        say(f"warning: {text} ({count} of {len(wanted)} models)")
    if wanted:
        told = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
        say(f"artifacts: {told}, in {minutes_text(time.monotonic() - started)}")
    order = {name: position for position, name in enumerate(card.name for card in request.cards())}
    found.sort(key=lambda series: order.get(series.model, len(order)))
    return found + _file_series(request)


def bundled_series(request: RunRequest, bundle: Bundle, backend: Backend) -> list[SeriesFacts]:
    """Every series of the request out of a bundle, its files held against their digests.

    Raises:
        BundleError: nothing of that is there, a file is damaged, or the runtime is too old for it.
    """
    chosen = bundle.select(request.models, request.precision, request.batch)
    found = [model.series(request.backend, bundle.directory) for model in chosen]
    check_opsets(found, backend)
    bundle.check_files(chosen)
    return found + _file_series(request)


def _file_series(request: RunRequest) -> list[SeriesFacts]:
    """The series of the ONNX files; a file that is given twice is one series."""
    found = [
        facts.facts_of_file(path, request.backend, request.precision, request.batch) for path in request.onnx_files
    ]
    return list({series.key: series for series in found}.values())


def _reference_file(cache_dir: Path) -> Path:
    """The reference network in the cache, under a name that changes with its content; a damaged one is written anew.

    Raises:
        HarnessError: the cache cannot be used.
    """
    path = cache_dir / "reference" / f"{reference.REFERENCE_SHA256}.onnx"
    try:
        if not path.is_file() or file_sha256(path) != reference.REFERENCE_SHA256:
            path.parent.mkdir(parents=True, exist_ok=True)
            reference.write_reference(path)
    except OSError as error:
        raise HarnessError(
            f"the cache {cache_dir} cannot be used ({error.strerror}): free space there, or give another --cache-dir"
        ) from error
    return path


def _conversion_line(conversion: Conversion) -> str:
    name = conversion.request.model
    if conversion.status != "ok" or conversion.artifact is None:
        return f"{name}: {conversion.status}: {conversion.reason}"
    if conversion.cached:
        return f"{name}: in the cache"
    error = max(check["relative_l2"] for check in conversion.artifact.provenance["verification"])
    whom = "network" if conversion.request.precision == "fp32" else "fp32 artifact"
    return f"{name}: {conversion.seconds:.1f} s, agrees with the {whom} to {error:.0e}"


def build_engines(
    request: RunRequest, series: list[SeriesFacts], reference_path: Path, cache_dir: Path, say: Say
) -> list[SeriesFacts]:
    """The series with their engines built, where the backend builds any; failures are rows too.

    Raises:
        HarnessError: the reference network cannot be built, so that nothing could be measured.
    """
    if not backends.get(request.backend).builds_engines:
        return series
    wanted = measurable(series)
    job = BuildJob(str(reference_path), request.backend, "fp32", str(cache_dir), request.gpu)
    counts = dict.fromkeys(("built", "from the cache", "failed"), 0)
    started = time.monotonic()
    failed: dict[str, SeriesFacts] = {}
    with Progress("build", 1 + len(wanted)) as progress, Builder() as builder:
        built = builder.build(job, request.build_timeout_s)
        if built.status != "ok":
            raise HarnessError(f"the reference network's engine: {built.status}: {built.reason}")
        progress.step("the reference network")
        for one in wanted:
            job = dataclasses.replace(job, artifact=one.artifact_path, precision=one.precision)
            built = builder.build(job, request.build_timeout_s)
            progress.step(_build_line(one.model, built), problem=built.status != "ok")
            counts["failed" if built.status != "ok" else "from the cache" if built.cached else "built"] += 1
            if built.status != "ok":
                failed[one.key] = dataclasses.replace(one, status=built.status, reason=built.reason)
    told = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
    say(f"engines: {told or 'none'}, in {minutes_text(time.monotonic() - started)}")
    return [failed.get(one.key, one) for one in series]


def _build_line(model: str, built: BuildResult) -> str:
    if built.status != "ok" or built.build_s is None:
        return f"{model}: {built.status}: {built.reason}"
    return f"{model}: in the cache" if built.cached else f"{model}: {built.build_s:.1f} s"


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """A run directory with the series of a request in it, converted and built."""

    directory: RunDirectory
    series: list[SeriesFacts]
    """Of the request; the directory may hold others, of earlier sessions."""
    reference_path: Path
    threads: int
    """Threads of an inference."""
    gpu: GpuSettings
    cache_dir: Path
    """Where artifacts and engines lie."""

    def rows(self) -> list[Row]:
        """The rows of the series, as they are now."""
        wanted = {one.key for one in self.series}
        directory = self.directory
        return [row for one, row in zip(directory.series(), directory.rows(), strict=True) if one.key in wanted]


@contextlib.contextmanager
def prepared(
    request: RunRequest,
    output: Path,
    cache_dir: Path,
    resume: bool,
    say: Say,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[PreparedRun]:
    """Opens or continues the run directory of a request, and makes the artifacts and engines that are missing.

    Args:
        request: which series.
        output: the run directory, new or of an earlier run to go on with.
        cache_dir: where artifacts are kept.
        resume: whether there must be an earlier run in `output`.
        say: tells the user a line.
        settings: how the run directory is measured; by default as the request says.

    Raises:
        HarnessError: a bad request, an unusable backend, or a directory of another run.
    """
    request.check()
    backend = backends.usable(request.backend)
    if backend.on_gpu and (caution := refuse_shared(request.gpu.device, exclusive=request.exclusive)):
        say(f"warning: {caution}")
    environment = collect(request.threads, backend.accelerator(request.gpu))
    if not backend.on_gpu and (caution := crowded_threads(environment)):
        say(f"warning: {caution}")
    # Refused before there is a run directory.
    bundle = read_bundle(request.artifacts) if request.artifacts else None
    series = bundled_series(request, bundle, backend) if bundle else None
    reference_path = bundle.reference_path if bundle else _reference_file(cache_dir)
    with RunDirectory.open(
        output,
        environment=environment,
        settings=request.settings() if settings is None else settings,
        reference_sha256=reference.REFERENCE_SHA256,
        resume=resume,
    ) as directory:
        if series is None:
            series = convert_all(request, cache_dir, say)
        series = build_engines(request, series, reference_path, cache_dir, say)
        directory.set_series(series)
        yield PreparedRun(directory, series, reference_path, environment.threads, request.gpu, cache_dir)


def execute(
    request: RunRequest,
    output: Path,
    cache_dir: Path,
    resume: bool,
    say: Say,
    accuracy: AccuracyRequest | None = None,
) -> RunOutcome:
    """Carries a request out; what it finishes is on disk at every moment.

    Args:
        request: what to measure and how.
        output: the run directory, new or of an earlier run to go on with.
        cache_dir: where artifacts are kept.
        resume: whether there must be an earlier run in `output`.
        say: tells the user a line.
        accuracy: images to evaluate the same series on, after their latency is measured.

    Raises:
        HarnessError: a bad request, an unusable backend, or a directory of another run.
    """
    started = time.monotonic()
    images = accuracy.open() if accuracy is not None else None
    with prepared(request, output, cache_dir, resume, say) as ready:
        rounds = Rounds(request, ready.directory, ready.reference_path, cache_dir, ready.threads)
        by_budget = rounds.measure(measurable(ready.series), started)
        evaluated = None
        if accuracy is not None and images is not None:
            # Not at the top: a machine that only measures has neither the zoo nor what reads images.
            from harness.accuracy.session import AccuracyTask

            evaluated = AccuracyTask.of(accuracy, images, ready, say).evaluate(ready.series)
        rows = ready.rows()
    ok = sum(row["status"] == "ok" for row in rows)
    return RunOutcome(output, ok, len(rows) - ok, by_budget, evaluated)


def execute_accuracy(
    request: RunRequest, accuracy: AccuracyRequest, output: Path, cache_dir: Path, resume: bool, say: Say
) -> AccuracyOutcome:
    """Evaluates the series of a request, beside what was measured of their latency in the same run directory.

    Args:
        request: which series.
        accuracy: which images, and how.
        output: the run directory, new or of an earlier run, whose settings stay as they are.
        cache_dir: where artifacts are kept.
        resume: whether there must be an earlier run in `output`.
        say: tells the user a line.

    Raises:
        HarnessError: as of `execute`, or images that cannot be evaluated on.
    """
    request.check()
    images = accuracy.open()
    # Not before it is known that what reads images is there.
    from harness.accuracy.session import AccuracyTask

    # They are those of the latency, which is not measured here.
    settings = load_run_info(output).settings if (output / RUN_INFO_NAME).is_file() else None
    with prepared(request, output, cache_dir, resume, say, settings) as ready:
        return AccuracyTask.of(accuracy, images, ready, say).evaluate(ready.series)
