"""One conversion, in this process: native model -> graph -> proof -> artifact."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import onnx

from converters import pytorch
from converters.artifact import METADATA_PREFIX, MODEL_FILE, Artifact, ArtifactStore
from converters.exporting import export
from converters.operators import histogram
from converters.precision import derive
from converters.request import (
    CONVERTER_REVISION,
    ConversionRequest,
    PrecisionOptions,
    artifact_preprocessing,
    implementation_versions,
    sharing_models,
    stored_under,
)
from converters.verify import verify
from converters.weights import weights_facts, weights_warnings, with_finite_statistics
from foundation.digests import file_sha256, json_sha256
from foundation.vocabulary import OWN, PROBE, RELEASE
from zoo.native import NativeModel

PROVENANCE_SCHEMA = 1


def _describe(native: NativeModel, request: ConversionRequest, model: onnx.ModelProto) -> dict[str, Any]:
    """The part of the provenance that follows from the request alone; it is written into the file too."""
    card = native.card
    commits = implementation_versions(card, RELEASE) if native.implementation == RELEASE else {}
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return {
        "schema": PROVENANCE_SCHEMA,
        "converter_revision": CONVERTER_REVISION,
        "models": sharing_models(card) if native.weights == PROBE else [card.name],
        "network_facts": card.network_facts(),
        "release": dataclasses.asdict(card.release),
        "implementation": native.implementation,
        **({"original_code": commits} if commits else {}),
        "weights": weights_facts(native),
        "parameters": native.count_parameters(),
        "macs": native.count_macs(),
        "classes": card.classes,
        "resolution": card.resolution,
        "exporter": {"name": request.exporter, **request.exporter_versions()},
        "opset": request.opset,
        "ir_version": model.ir_version,
        "batch": request.batch,
        "precision": "fp32",
        "input": {"name": pytorch.INPUT_NAME, "shape": shape, "dtype": "float32"},
        "output": {"name": pytorch.OUTPUT_NAME},
        "operators": histogram(model),
        **({"warnings": texts} if (texts := weights_warnings(native)) else {}),
    }


def _save(model: onnx.ModelProto, path: Path, description: dict[str, Any], native: NativeModel) -> None:
    metadata = {
        "provenance": description,
        "preprocessing": dataclasses.asdict(native.card.preprocessing),
    }
    texts = {METADATA_PREFIX + name: json.dumps(value, sort_keys=True) for name, value in metadata.items()}
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _as_stored(native: NativeModel) -> NativeModel:
    """The model itself, or a copy whose card has the preprocessing that its artifact is verified with and states."""
    preprocessing = artifact_preprocessing(native.card, native.weights)
    if preprocessing == native.card.preprocessing:
        return native
    changed = copy.copy(native)
    changed.card = dataclasses.replace(native.card, preprocessing=preprocessing)
    return changed


def convert(
    model: NativeModel | str,
    *,
    exporter: str = ConversionRequest.exporter,
    opset: int = ConversionRequest.opset,
    batch: int = ConversionRequest.batch,
    precision: str = ConversionRequest.precision,
    options: PrecisionOptions | None = None,
    cache_dir: Path | None = None,
) -> Artifact:
    """The verified artifact of a model, from the cache if it is there.

    Args:
        model: a native model, or the name of one in the zoo, which is loaded with the probe's weights.
        exporter: `dynamo` or `torchscript`; TensorFlow networks have one of their own.
        opset: ONNX opset, 17 or later; always 17 for a TensorFlow network.
        batch: images per inference, fixed in the graph.
        precision: `fp32`, `fp16` or `int8`; the latter two are derived from the fp32 artifact.
        options: how a precision below fp32 is derived.
        cache_dir: where artifacts are kept; the user's cache directory by default.

    Raises:
        ConversionError: the exporter cannot convert it.
        VerificationError: the graph does not compute what the network computes.
    """
    store = ArtifactStore(cache_dir)
    artifact = _in_fp32(model, store, exporter=exporter, opset=opset, batch=batch)
    if precision != "fp32":
        artifact = derive(artifact, precision, options or PrecisionOptions(), store)
        for text in artifact.provenance.get("warnings", ()):
            warnings.warn(text, stacklevel=2)
    return artifact


def _in_fp32(model: NativeModel | str, store: ArtifactStore, *, exporter: str, opset: int, batch: int) -> Artifact:
    """The fp32 artifact of a model, from the store if it is there."""
    import zoo

    card = zoo.card(model) if isinstance(model, str) else model.card
    implementation = RELEASE if not isinstance(model, str) and model.implementation == RELEASE else OWN
    request = ConversionRequest(
        card.name, implementation=implementation, exporter=exporter, opset=opset, batch=batch
    ).resolved(card)
    if isinstance(model, str):
        key = stored_under(request, card)
    else:
        # The caller may have changed it: its content identifies it, not how it was loaded.
        key = json_sha256([stored_under(request, card, model.weights), model.weights_sha256(), repr(model.module)])
    if key is not None and (found := store.find(key)):
        return found
    native = zoo.load(card) if isinstance(model, str) else model
    return convert_native(native, request, store, key)


def convert_native(native: NativeModel, request: ConversionRequest, store: ArtifactStore, key: str | None) -> Artifact:
    """Converts and verifies a native model, in fp32.

    Args:
        native: the model to convert.
        request: exporter, opset and batch.
        store: the store that receives the artifact.
        key: the key to store it under; if None, the digest of the file.

    Raises:
        ConversionError, VerificationError: see `convert`.
        MissingPackageError: the framework's exporter is not installed.
    """
    request = request.resolved(native.card)
    native = with_finite_statistics(_as_stored(native))
    staged = store.staging()
    try:
        started = time.perf_counter()
        model = export(native, request)
        exported = time.perf_counter()
        description = _describe(native, request, model)
        path = staged / MODEL_FILE
        _save(model, path, description, native)
        del model
        saved = time.perf_counter()
        agreements = verify(native, path, request.batch)
        seconds = {
            "export_s": round(exported - started, 3),
            "save_s": round(saved - exported, 3),
            "verify_s": round(time.perf_counter() - saved, 3),
        }
        facts = {**description, "verification": [a.to_json() for a in agreements], "seconds": seconds}
        return store.put(key or file_sha256(path), staged, facts)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
