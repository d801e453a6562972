"""Series from models, bundles and ONNX files; missing artifacts are converted."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.wording import counted
from harness import backends
from harness.artifacts import facts
from harness.artifacts.bundle import Bundle, check_opsets
from harness.artifacts.file_series import FileSettings, series_of_file
from harness.artifacts.input_shapes import AskedShapes
from harness.artifacts.onnx_files import named
from harness.artifacts.preprocessing import range_of_pixels
from harness.artifacts.released import with_weights
from harness.artifacts.request import ArtifactRequest
from harness.backends.backend import Backend
from harness.records.series import Series
from harness.text.progress import Progress, minutes_text

if TYPE_CHECKING:
    from converters.pool import Conversion

Say = Callable[[str], None]
"""Prints a line for the user."""


def converted(request: ArtifactRequest, cache_dir: Path, say: Say) -> Iterator[Conversion]:
    """The conversion of every model of the request as it ends, first those whose weights are not available.

    Args:
        request: the models, and how they are converted.
        cache_dir: where artifacts are kept.
        say: prints a line for the user: each warning and, at the end, a summary.

    Raises:
        HarnessError: a package that fetches weights is not installed.
    """
    from converters.pool import PoolSettings, convert_many

    for line in _notes(request):
        say(line)
    resolved = with_weights(request, cache_dir, say)
    yield from resolved.failed
    wanted = resolved.conversions
    limits = PoolSettings(workers=request.workers, timeout_s=request.conversion_timeout_s)
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
            yield conversion
    for text, count in warnings.items():
        say(f"warning: {text} ({count} of {len(wanted)} models)")
    if wanted:
        told = ", ".join(f"{count} {how}" for how, count in counts.items() if count)
        say(f"artifacts: {told}, in {minutes_text(time.monotonic() - started)}")


def _notes(request: ArtifactRequest) -> Iterator[str]:
    """How user networks are fed and int8 is calibrated, a line each, where there are any."""
    from converters.calibration import Calibration
    from zoo.own import card
    from zoo.preprocessing import described, pipeline

    if request.own_models:
        stated = request.own_preprocessing()
        facts = card(request.own_models[0], request.resolution, stated)
        steps = described(pipeline(facts.preprocessing, facts.resolution))
        how = "as stated" if stated else "assumed, state it with --preprocessing"
        yield f"preprocessing of user networks, {how}: {steps}"
    if request.precision == "int8" and (request.models or request.own_models):
        used, folder = Calibration.of(request.calibration_images, request.calibration_limit), request.calibration_images
        which = f"{counted(used.count, 'image')} of {folder}" if folder else f"{used.count} generated images"
        yield f"int8 is calibrated on {which}"


def convert_all(request: ArtifactRequest, cache_dir: Path, say: Say) -> list[Series]:
    """Every series of the request, missing artifacts converted; failures are rows too."""
    found = [
        _with_inputs(facts.facts_of_conversion(conversion, request.backend), conversion, request)
        for conversion in converted(request, cache_dir, say)
    ]
    order = {name: position for position, name in enumerate(card.name for card in request.cards())}
    found.sort(key=lambda series: order.get(series.model, len(order)))
    return found + _file_series(request, cache_dir)


def _with_inputs(series: Series, conversion: Conversion, request: ArtifactRequest) -> Series:
    """The series, with what the inputs of a user's network hold; images of the zoo's models are always noise."""
    if not conversion.request.is_own:
        return series
    return dataclasses.replace(series, inputs=request.inputs or range_of_pixels(request.own_preprocessing()))


def bundled_series(request: ArtifactRequest, bundle: Bundle, backend: Backend, cache_dir: Path) -> list[Series]:
    """Every series of the request from a bundle, its files verified against their digests.

    Args:
        request: which series.
        bundle: the bundle.
        backend: the runtime.
        cache_dir: where copies of the user's ONNX files are kept.

    Raises:
        BundleError: the bundle has none of the series, a file is damaged, or the runtime is too old.
    """
    chosen = bundle.select(request.models, request.precision, request.batch)
    found = [model.series(request.backend, bundle.directory) for model in chosen]
    check_opsets(found, backend)
    bundle.check_files(chosen)
    return found + _file_series(request, cache_dir)


def _file_series(request: ArtifactRequest, cache_dir: Path) -> list[Series]:
    """The series of the ONNX files; a file given twice is one series."""
    settings = FileSettings(
        backend=backends.get(request.backend),
        precision=request.file_precision,
        shapes=AskedShapes(request.batch, request.resolution, request.shapes),
        inputs=request.inputs,
        cache_dir=cache_dir,
        custom_operators=request.custom_operators,
        prepared_inputs=range_of_pixels(request.own_preprocessing()),
    )
    return [series_of_file(name, path, settings) for name, path in named(request.onnx_files).items()]


def _conversion_line(conversion: Conversion) -> str:
    name = conversion.request.model
    if conversion.status != "ok" or conversion.artifact is None:
        return f"{name}: {conversion.status}: {conversion.reason}"
    if conversion.cached:
        return f"{name}: in the cache"
    checks = conversion.artifact.provenance["verification"]
    if conversion.request.precision == "int8":
        from converters.int8_agreement import agreement_text, decisive

        told = agreement_text(decisive(checks), conversion.request.options.int8_scheme)
        return f"{name}: {conversion.seconds:.1f} s, {told}"
    error = max(check["relative_l2"] for check in checks)
    whom = "network" if conversion.request.precision == "fp32" else "fp32 artifact"
    return f"{name}: {conversion.seconds:.1f} s, agrees with the {whom} to {error:.0e}"
