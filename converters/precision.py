"""Precision as a property of the artifact: FP16 and INT8 graphs derived from a verified FP32 one.

Nothing here depends on the framework that the network was built in: an FP32 artifact is enough, on any machine.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import onnx

from converters import derivation, float16, fused, int8
from converters.artifact import MODEL_FILE, Artifact, ArtifactStore
from converters.calibration import Calibration
from converters.derivation import NATURAL_IMAGES
from converters.errors import ConversionError, VerificationError
from converters.graph_precision import graph_precision
from converters.inputs import Feed, GraphInputs, ImageInputs, agreements_of, expected_rows_of, rows_of
from converters.int8_agreement import disagreement
from converters.request import ConversionRequest, PrecisionOptions, installed_versions, key_of
from converters.rounding import with_rounding
from converters.verify import USER_NOISE, Agreement, measure
from foundation.digests import json_sha256
from foundation.vocabulary import FUSED
from foundation.wording import first_line

PRECISION_REVISION = 2
"""Raised whenever this package's own part in a graph changes, so that old entries are not mistaken for new ones."""

COMPARED_IMAGES = 128
COMPARED_MACS = 1e12
"""Largest number of calibration images that an artifact is compared on, and multiply-adds that they may take together:
some minutes of one core. It means fewer images for networks above 8 G multiply-adds."""

LARGEST_ERROR = {"fp16": 0.05, "int8": 1.0}
"""Relative L2 error from which on a derived graph is considered wrong, by precision.

The largest of the zoo in fp16 is 0.013. In int8 the error depends on the network; from 1 on, all zeros would be as
close.
"""


def _calibration(options: PrecisionOptions) -> Calibration:
    return Calibration.of(options.calibration_images, options.calibration_count)


def _recipe(precision: str, options: PrecisionOptions) -> dict[str, Any]:
    """Everything apart from the FP32 graph that determines the derived one."""
    if precision == "fp16":
        return {"tools": installed_versions(float16.PACKAGES), "float16_io": options.float16_io}
    if precision == "int8":
        return {
            "tools": installed_versions(int8.PACKAGES),
            "scheme": options.int8_scheme,
            "calibration": (options.values or _calibration(options)).facts(),
        }
    raise ConversionError(f"unknown precision {precision!r}; choose fp32, fp16 or int8")


def derived_key(source: Artifact, precision: str, options: PrecisionOptions) -> str:
    """The key of the artifact derived from an FP32 one.

    Raises:
        ConversionError: the precision is unknown, or the calibration folder contains no images.
    """
    recipe = _recipe(precision, options)
    return json_sha256(
        {"revision": PRECISION_REVISION, "derived_from": source.sha256, "precision": precision, **recipe}
    )


def find(request: ConversionRequest, store: ArtifactStore) -> Artifact | None:
    """The stored artifact for a request; None if it has to be made.

    Raises:
        ConversionError: see `derived_key`.
    """
    key = key_of(request)
    source = store.find(key) if key else None
    if source is not None and request.graph == FUSED:
        source = fused.find(source, request.backend, request.precision, store)
    if source is None or request.precision == "fp32":
        return source
    return store.find(derived_key(source, request.precision, request.options))


def derive_as_requested(source: Artifact, request: ConversionRequest, store: ArtifactStore) -> Artifact:
    """The artifact of a request, from the store if it is there, else derived from that of the exporter's fp32 graph.

    Raises:
        ConversionError, VerificationError, MissingPackageError: see `converters.fused.derive` and `derive`.
    """
    if request.graph == FUSED:
        changed = fused.derive(source, request.backend, request.precision, request.options, store)
        if request.precision == "fp32":
            return changed
        # Where no rule matched, the graph is the exporter's in every precision.
        source = source if changed.sha256 == source.sha256 else changed
    return source if request.precision == "fp32" else derive(source, request.precision, request.options, store)


def _verify(
    source: Path, derived: Path, provenance: Mapping[str, Any], inputs: GraphInputs, natural_images: int
) -> list[Agreement]:
    """Compares a derived artifact with the FP32 one in ONNX Runtime on the CPU.

    Raises:
        VerificationError: the FP32 graph's own outputs are not finite; or see `measure`.
    """
    affordable = int(COMPARED_MACS / (provenance["macs"] or 1))
    sets = inputs.compared(natural_images, min(COMPARED_IMAGES, affordable))
    batch = provenance["batch"]
    expected = expected_rows_of(sets, source, batch)
    if provenance["precision"] != "fp16":
        return agreements_of(sets, expected, rows_of(sets, derived, batch))
    with tempfile.TemporaryDirectory(prefix=".rounded-", dir=derived.parent) as folder:
        rounded = Path(folder, MODEL_FILE)
        onnx.save(with_rounding(onnx.load(derived)), rounded)
        found = agreements_of(sets, expected, rows_of(sets, rounded, batch))
    (unrounded,) = rows_of(sets[:1], derived, batch)
    return [*found, measure(f"{sets[0].name}, unrounded", expected[0], unrounded)]


def judge(precision: str, agreement: Agreement) -> None:
    """Distinguishes rounding from mistakes.

    The noise of a user's network is left out of int8: ranges of images are not those of noise.

    Raises:
        VerificationError: the error is larger than rounding to the precision can explain.
    """
    if precision == "int8" and agreement.images == USER_NOISE:
        return
    if agreement.relative_l2 >= LARGEST_ERROR[precision]:
        raise VerificationError(
            f"in {precision} the graph's logits on {agreement.images} images are off by {agreement.relative_l2:.2g} "
            f"of their norm (allowed {LARGEST_ERROR[precision]:g}): values leave the precision's range; "
            "keep this network in fp32"
        )


def _describe(source: Artifact, model: onnx.ModelProto, precision: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the provenance that is known before verification.

    Raises:
        ConversionError: a convolution or matrix product of the graph has another precision.
    """
    try:
        computes_in = graph_precision(model)
    except onnx.shape_inference.InferenceError as error:
        raise ConversionError(
            f"the types of the {precision} graph contradict one another: {first_line(error)}; keep this network in fp32"
        ) from error
    if computes_in != precision:
        raise ConversionError(f"the graph came out in {computes_in or 'no precision'} instead of {precision}")
    changes = {
        "precision": precision,
        "computes_in": computes_in,
        "derived_from": {"sha256": source.sha256, "precision": "fp32"},
        "recipe": dict(recipe),
    }
    return derivation.description(source, model, changes)


def derive(
    source: Artifact,
    precision: str,
    options: PrecisionOptions,
    store: ArtifactStore,
    *,
    natural_images: int = NATURAL_IMAGES,
) -> Artifact:
    """The artifact of a precision below fp32, from the store if it is there, else derived from an FP32 one.

    Args:
        source: an FP32 artifact of this project.
        precision: `fp16` or `int8`.
        options: how it is derived.
        store: the store that receives the artifact.
        natural_images: number of natural images that it is verified on.

    Raises:
        ConversionError: the graph cannot be converted to that precision.
        VerificationError: the derived graph computes something else; see `judge`.
        MissingPackageError: a package is not installed.
    """
    key = derived_key(source, precision, options)
    if (found := store.find(key)) is not None:
        return found
    calibration = _calibration(options) if precision == "int8" else Calibration()
    staged = store.staging()
    try:
        started = time.perf_counter()
        model = onnx.load(source.path)
        inputs = derivation.graph_inputs(model, source, options, calibration)
        model = _converted(model, precision, options, inputs.calibration(), staged)
        made = time.perf_counter()
        description = _describe(source, model, precision, _recipe(precision, options))
        if precision == "int8" and (texts := inputs.warnings()):
            description["warnings"] = [*description.get("warnings", ()), *texts]
        path = staged / MODEL_FILE
        derivation.save(model, path, description)
        del model
        saved = time.perf_counter()
        agreements = _verify(source.path, path, description, inputs, natural_images)
        for agreement in agreements:
            judge(precision, agreement)
        seconds = {
            "derive_s": round(made - started, 3),
            "save_s": round(saved - made, 3),
            "verify_s": round(time.perf_counter() - saved, 3),
        }
        facts = {
            **description,
            **({"preprocessing": dataclasses.asdict(inputs.preprocessing)} if isinstance(inputs, ImageInputs) else {}),
            **_found_by_verification(precision, options, description, agreements, calibration),
            "seconds": seconds,
        }
        return store.put(key, staged, facts)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _converted(
    model: onnx.ModelProto,
    precision: str,
    options: PrecisionOptions,
    feeds: Iterable[Feed],
    folder: Path,
) -> onnx.ModelProto:
    """The graph in another precision, with the metadata of the fp32 one."""
    if precision == "fp16":
        return float16.to_float16(model, keep_io=not options.float16_io)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    model = int8.to_int8(model, feeds, scheme=options.int8_scheme, folder=folder)
    onnx.helper.set_model_props(model, metadata)
    return model


def _found_by_verification(
    precision: str,
    options: PrecisionOptions,
    description: Mapping[str, Any],
    agreements: list[Agreement],
    calibration: Calibration,
) -> dict[str, Any]:
    """The part of the provenance that is beside the file alone."""
    checks = [agreement.to_json() for agreement in agreements]
    facts: dict[str, Any] = {"verification": checks}
    if precision != "int8":
        return facts
    # A file without a number for each class predicts none.
    predicts = description["classes"] is not None
    if predicts and (text := disagreement(checks, options.int8_scheme)):
        facts["warnings"] = [*description.get("warnings", ()), text]
    if calibration.files:
        facts["calibration_sha256"] = list(calibration.digests)
    return facts
