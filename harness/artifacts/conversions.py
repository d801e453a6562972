"""Series from models, bundles and ONNX files; missing artifacts are converted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.wording import counted
from harness import backends
from harness.artifacts import facts
from harness.artifacts.bundle import Bundle, check_fused_for, check_opsets
from harness.artifacts.converting import Say, conversions_of
from harness.artifacts.file_precisions import in_asked_precision
from harness.artifacts.file_series import FileSettings, series_of_file
from harness.artifacts.input_shapes import AskedShapes
from harness.artifacts.onnx_files import named
from harness.artifacts.preprocessing import range_of_pixels
from harness.artifacts.released import with_weights
from harness.artifacts.request import ArtifactRequest
from harness.backends.backend import Backend
from harness.records.companions import with_companions
from harness.records.series import Series

if TYPE_CHECKING:
    from converters.pool import Conversion
    from converters.request import ConversionRequest


def converted(request: ArtifactRequest, cache_dir: Path, say: Say) -> Iterator[Conversion]:
    """The conversion of every model of the request as it ends, first those whose weights are not available.

    Args:
        request: the models, and how they are converted.
        cache_dir: where artifacts are kept.
        say: prints a line for the user: each warning and, at the end, a summary.

    Raises:
        HarnessError: a package that fetches weights is not installed.
    """
    for line in _notes(request):
        say(line)
    resolved = with_weights(request, cache_dir, say)
    yield from resolved.failed
    yield from conversions_of(resolved.conversions, request, cache_dir, say)


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
    return convert_variants([request], cache_dir, say)


def all_stored(requests: Sequence[ArtifactRequest], cache_dir: Path) -> bool:
    """Whether no model of the requests has to be converted, or its weights fetched.

    What is read for it is read once: what converts afterwards does not read it again.
    """
    from converters.artifact import ArtifactStore
    from converters.precision import find

    store = ArtifactStore(cache_dir)
    return all(find(conversion, store) is not None for one in requests for conversion in one.conversions())


def announce(requests: Sequence[ArtifactRequest]) -> None:
    """Prepares for the conversions of all requests, of which the first may need less than the rest."""
    from converters.pool import expect

    expect(conversion for one in requests for conversion in one.conversions())


def convert_variants(requests: Sequence[ArtifactRequest], cache_dir: Path, say: Say) -> list[Series]:
    """Every series of several requests, in their order; failures are rows too.

    One request after another, so that what is made for one is there for the next. Models that several requests measure
    from the same artifacts, on another backend or in bfloat16, are converted for the first of them.

    Args:
        requests: the same models, for several backends or in several precisions.
        cache_dir: where artifacts are kept.
        say: prints a line for the user.
    """
    made: list[tuple[list[ConversionRequest], list[Series]]] = []
    found: list[Series] = []
    for request in requests:
        # A machine that measures files needs nothing that converts.
        if request.models or request.own_models:
            wanted = request.conversions()
            models = next((series for earlier, series in made if earlier == wanted), None)
            if models is None:
                models = _model_series(request, cache_dir, say)
                made.append((wanted, models))
            found += [dataclasses.replace(one, backend=request.backend, precision=request.precision) for one in models]
        found += file_series(request, cache_dir, say)
    return found


def _model_series(request: ArtifactRequest, cache_dir: Path, say: Say) -> list[Series]:
    """Every series of the request's models."""
    found = [
        _as_asked(facts.facts_of_conversion(conversion, request.backend), conversion, request)
        for conversion in converted(request, cache_dir, say)
    ]
    order = {name: position for position, name in enumerate(card.name for card in request.cards())}
    found.sort(key=lambda series: order.get(series.model, len(order)))
    return found


def _as_asked(series: Series, conversion: Conversion, request: ArtifactRequest) -> Series:
    """The series in the precision it is computed in, with what a user's network is fed; the zoo's models get noise."""
    series = dataclasses.replace(series, precision=request.precision)
    if not conversion.request.is_own:
        return series
    return with_companions(series, request.inputs or range_of_pixels(request.own_preprocessing()), "")


def bundled_series(
    request: ArtifactRequest, bundle: Bundle, backend: Backend, cache_dir: Path, say: Say
) -> list[Series]:
    """Every series of the request from a bundle, its files verified against their digests.

    Args:
        request: which series.
        bundle: the bundle.
        backend: the runtime.
        cache_dir: where copies of the user's ONNX files, and what is made from them, are kept.
        say: prints a line for the user.

    Raises:
        BundleError: the bundle has none of the series, a file is damaged, the runtime is too old, or a graph is fused
            for another one.
    """
    chosen = bundle.select(request.models, request.artifact_precision, request.batch, request.graph)
    found = [
        dataclasses.replace(model.series(request.backend, bundle.directory), precision=request.precision)
        for model in chosen
    ]
    check_opsets(found, backend)
    check_fused_for(chosen, request.backend)
    bundle.check_files(chosen)
    return found + file_series(request, cache_dir, say)


def file_series(request: ArtifactRequest, cache_dir: Path, say: Say) -> list[Series]:
    """The series of the ONNX files, in the precision that is asked; a file given twice is one series.

    Args:
        request: the files.
        cache_dir: where copies of them, and what is made from them, are kept.
        say: prints a line for the user.
    """
    settings = FileSettings(
        backend=backends.get(request.backend),
        precision=request.file_precision,
        shapes=AskedShapes(request.batch, request.resolution, request.shapes),
        inputs=request.inputs,
        cache_dir=cache_dir,
        custom_operators=request.custom_operators,
        prepared_inputs=range_of_pixels(request.own_preprocessing()),
    )
    found = [series_of_file(name, path, settings) for name, path in named(request.onnx_files).items()]
    return in_asked_precision(found, request, cache_dir, say)
