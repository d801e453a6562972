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
from converters.artifact import MODEL_FILE, Artifact, ArtifactStore
from converters.errors import ConversionError, GraphNotRunError
from converters.exporting import export, of_the_other
from converters.multiply_adds import multiply_adds
from converters.operators import histogram
from converters.own_network import refuse_other_precision, verify_own
from converters.precision import derive_as_requested
from converters.request import (
    CONVERTER_REVISION,
    ConversionRequest,
    PrecisionOptions,
    artifact_preprocessing,
    implementation_versions,
    sharing_models,
    stored_under,
)
from converters.verify import Agreement, verify
from converters.weights import weights_facts, weights_warnings, with_finite_statistics
from foundation.digests import file_sha256, json_sha256
from foundation.vocabulary import METADATA_PREFIX, NATIVE, OWN, PROBE, RELEASE
from zoo.native import NativeModel
from zoo.own_model import OwnModel
from zoo.torch_model import TorchModel

PROVENANCE_SCHEMA = 1


def _describe(native: NativeModel, request: ConversionRequest, model: onnx.ModelProto) -> dict[str, Any]:
    """The part of the provenance that follows from the request alone; it is written into the file too."""
    card = native.card
    commits = implementation_versions(card, RELEASE) if native.implementation == RELEASE else {}
    macs, unknown = multiply_adds(model, request.batch)
    texts = [*weights_warnings(native), *(native.notes if isinstance(native, OwnModel) else ()), *unknown]
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
        "macs": macs,
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
        **({"warnings": texts} if texts else {}),
    }


def _save(model: onnx.ModelProto, path: Path, description: dict[str, Any], native: NativeModel) -> None:
    metadata = {
        "provenance": description,
        "preprocessing": dataclasses.asdict(native.card.preprocessing),
    }
    texts = {METADATA_PREFIX + name: json.dumps(value, sort_keys=True) for name, value in metadata.items()}
    onnx.helper.set_model_props(model, texts)
    # Once: to the checker a model is bytes too, and those of the largest take seconds.
    stored = model.SerializeToString()
    onnx.checker.check_model(stored)
    path.write_bytes(stored)


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
    graph: str = ConversionRequest.graph,
    backend: str = "onnxruntime",
    precision: str = ConversionRequest.precision,
    options: PrecisionOptions | None = None,
    resolution: int | None = None,
    preprocessing: str = "",
    cache_dir: Path | None = None,
) -> Artifact:
    """The verified artifact of a model, from the cache if it is there.

    Args:
        model: a native model; the name of one in the zoo, which is loaded with the probe's weights; or
            `module:function` for a user network.
        exporter: `dynamo` or `torchscript`; TensorFlow networks have one of their own.
        opset: ONNX opset, 17 or later; always 17 for a TensorFlow network.
        batch: images per inference, fixed in the graph.
        graph: `native`, as the exporter writes it, or `fused`, with operators put back that `backend` is faster with.
        backend: the runtime that a fused graph is for.
        precision: `fp32`, `fp16` or `int8`; the latter two are derived from the fp32 artifact.
        options: how a precision below fp32 is derived.
        resolution: input size in pixels of a `module:function`.
        preprocessing: how images are prepared for a `module:function`: the name of a model of the zoo, or a TOML file.
        cache_dir: where artifacts are kept; the user's cache directory by default.

    Raises:
        ConversionError: the exporter cannot convert it, or the arguments contradict each other.
        VerificationError: the graph does not compute what the network computes.
        ZooError: there is no such model, function or preprocessing.
    """
    store = ArtifactStore(cache_dir)
    model = _user_network(model, resolution, preprocessing)
    artifact = _in_fp32(model, store, exporter=exporter, opset=opset, batch=batch)
    if (graph, precision) != (NATIVE, "fp32"):
        wanted = ConversionRequest(
            "", graph=graph, backend=backend, precision=precision, options=options or PrecisionOptions()
        )
        artifact = derive_as_requested(artifact, wanted, store)
        for text in artifact.provenance.get("warnings", ()):
            warnings.warn(text, stacklevel=2)
    return artifact


def _user_network(model: NativeModel | str, resolution: int | None, preprocessing: str) -> NativeModel | str:
    """The network of a `module:function`; other models as they are.

    Raises:
        ConversionError: a resolution or a preprocessing is given for another model, whose card has it.
        ZooError: the network cannot be built, or the preprocessing cannot be read or is of another resolution.
    """
    from zoo import own
    from zoo.own_preprocessing import stated_preprocessing
    from zoo.preprocessing import pipeline

    if isinstance(model, str) and ":" in model:
        stated = stated_preprocessing(preprocessing) if preprocessing else None
        card = own.card(model, resolution, stated)
        pipeline(card.preprocessing, card.resolution)
        return own.load(model, resolution, stated)
    if resolution is not None or preprocessing:
        raise ConversionError("resolution and preprocessing are those of a module:function; any other model has a card")
    return model


def _in_fp32(model: NativeModel | str, store: ArtifactStore, *, exporter: str, opset: int, batch: int) -> Artifact:
    """The fp32 artifact of a model, from the store if it is there."""
    import zoo

    card = zoo.card(model) if isinstance(model, str) else model.card
    implementation = RELEASE if not isinstance(model, str) and model.implementation == RELEASE else OWN
    request = ConversionRequest(
        card.name, implementation=implementation, exporter=exporter, opset=opset, batch=batch
    ).resolved(card)
    key = stored_under(request, card, None if isinstance(model, str) else model.weights)
    if key is not None and not isinstance(model, str):
        # The caller may have changed it: its content identifies it, not how it was loaded.
        key = json_sha256([key, model.weights_sha256(), repr(model.module)])
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
        model = _exported(native, request)
        exported = time.perf_counter()
        description = _describe(native, request, model)
        path = staged / MODEL_FILE
        _save(model, path, description, native)
        del model
        saved = time.perf_counter()
        agreements, notes = _verified(native, path, request)
        seconds = {
            "export_s": round(exported - started, 3),
            "save_s": round(saved - exported, 3),
            "verify_s": round(time.perf_counter() - saved, 3),
        }
        # Beside the file alone: in the file, it is an entry of its own.
        preprocessing = dataclasses.asdict(native.card.preprocessing)
        facts = {
            **description,
            "preprocessing": preprocessing,
            "verification": [a.to_json() for a in agreements],
            "seconds": seconds,
            **({"warnings": [*description.get("warnings", ()), *notes]} if notes else {}),
        }
        return store.put(key or file_sha256(path), staged, facts)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _exported(native: NativeModel, request: ConversionRequest) -> onnx.ModelProto:
    """The graph of a network, in fp32."""
    if not isinstance(native, OwnModel):
        return export(native, request)
    native.fit(request.batch)
    model = export(native, request)
    refuse_other_precision(model)
    return model


def _verified(native: NativeModel, path: Path, request: ConversionRequest) -> tuple[list[Agreement], list[str]]:
    """How an artifact agrees with its network, and what a reader should know that the verification found."""
    if isinstance(native, OwnModel) or (isinstance(native, TorchModel) and request.library_card is not None):
        try:
            return verify_own(native, path, request.batch)
        except GraphNotRunError as error:
            raise GraphNotRunError(f"{error}{of_the_other(native, request, error)}") from error
    return verify(native, path, request.batch), []
