"""A user's FP32 file made ready for other precisions and graphs: one ONNX file whose input is prepared as it states.

The file itself is measured as it is. The other precisions are derived from a copy of it, like those of the zoo from
their FP32 artifacts, and the copy is proven to compute what the file computes.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.version_converter

from converters.artifact import MODEL_FILE, Artifact, ArtifactStore
from converters.calibration import Calibration
from converters.errors import ConversionError, VerificationError
from converters.folding import fold_norms
from converters.graph_precision import graph_precision
from converters.inputs import GraphInputs, ImageInputs, ValueInputs, agreements_of, expected_rows_of, rows_of
from converters.light_graph import weights_bytes, without_weights
from converters.multiply_adds import count_multiply_adds
from converters.operators import histogram
from converters.request import FILE_REVISION, ConversionRequest, NetworkFile, key_of
from converters.verify import Agreement
from foundation.digests import file_sha256
from foundation.vocabulary import FUSED, METADATA_PREFIX
from foundation.wording import first_line
from zoo import own
from zoo.probe import RUNTIME_TOLERANCE

COMPARED_IMAGES = 2
LOWEST_OPSET = {"fp32": 1, "fp16": 1, "int8": 13}
"""Lowest operator set of a graph in each precision: a scale for each channel came with 13."""
FUSED_OPSET = 14
"""Lowest operator set of a fused graph: HardSwish came with it."""
_IR_VERSION = 8
"""Older ones list weights among the inputs, or do not know operator set 13."""
_LARGEST_BYTES = 2**31 - 1
_STANDARD = ("", "ai.onnx")


def lowest_opset(precision: str, graph: str) -> int:
    """The lowest operator set that a graph of `GRAPHS` needs in a precision."""
    return max(LOWEST_OPSET[precision], FUSED_OPSET if graph == FUSED else 1)


def prepare(request: ConversionRequest, store: ArtifactStore) -> Artifact:
    """The FP32 artifact of a file, from which other precisions are derived.

    It is one file without weights among its inputs, in an operator set that the precision knows, with the batch norms
    behind convolutions folded into them.

    Args:
        request: has a file.
        store: the store that receives it.

    Raises:
        ConversionError: the file is not one of FP32, or cannot be changed so.
        VerificationError: what was changed computes something else than the file.
    """
    file = request.file
    assert file is not None
    started = time.perf_counter()
    model = _loaded(file)
    _refuse_other_precision(model)
    opset = _opset(model)
    model = _raised(model, request.opset)
    fold_norms(model)
    description = _describe(request, file, model, opset)
    staged = store.staging()
    try:
        path = staged / MODEL_FILE
        _save(model, path, description, request)
        agreements = _verify(file, path, _inputs(request, model, description), description)
        facts = {
            **description,
            "verification": [agreement.to_json() for agreement in agreements],
            "seconds": {"prepare_s": round(time.perf_counter() - started, 3)},
        }
        return store.put(key_of(request) or file_sha256(path), staged, facts)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _loaded(file: NetworkFile) -> onnx.ModelProto:
    try:
        model = onnx.load(file.path)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ConversionError(f"onnx cannot read the file: {first_line(error)}") from error
    except Exception as error:
        # protobuf's own error has no public name.
        raise ConversionError(f"onnx cannot read the file: {type(error).__name__}: {first_line(error)}") from error
    if weights_bytes(model) > _LARGEST_BYTES:
        raise ConversionError("it has more than 2 GiB of weights, and an artifact is one ONNX file: keep it in fp32")
    weights = {tensor.name for tensor in model.graph.initializer}
    for index in reversed(range(len(model.graph.input))):
        if model.graph.input[index].name in weights:
            del model.graph.input[index]
    model.ir_version = max(model.ir_version, _IR_VERSION)
    return _with_inferred_shapes(model)


def _with_inferred_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the shapes that follow from its inputs: what it states of others may be of other input shapes."""
    del model.graph.value_info[:]
    for output in model.graph.output:
        for size in output.type.tensor_type.shape.dim:
            size.Clear()
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return inferred


def _refuse_other_precision(model: onnx.ModelProto) -> None:
    try:
        found = graph_precision(without_weights(model))
    except onnx.shape_inference.InferenceError as error:
        raise ConversionError(
            f"the types of the file's tensors cannot be inferred: {first_line(error)}; measure it without --precision"
        ) from error
    if not found:
        raise ConversionError(
            "the file has no convolution or matrix product in its main graph, and these are what other precisions "
            "compute; measure it without --precision"
        )
    if found != "fp32":
        raise ConversionError(
            f"the file computes in {found}, and other precisions are made from fp32 alone; measure it without "
            "--precision, or give the fp32 file"
        )


def _opset(model: onnx.ModelProto) -> int:
    return int(next((entry.version for entry in model.opset_import if entry.domain in _STANDARD), 1))


def _raised(model: onnx.ModelProto, lowest: int) -> onnx.ModelProto:
    """The model in at least this operator set.

    Raises:
        ConversionError: onnx has no rule for one of its operators.
    """
    opset = _opset(model)
    if opset >= lowest:
        return model
    try:
        raised: onnx.ModelProto = onnx.version_converter.convert_version(model, lowest)
        onnx.checker.check_model(raised, full_check=True)
    except Exception as error:
        raise ConversionError(
            f"the file has operator set {opset}, what is asked of it needs {lowest}, and onnx cannot raise it "
            f"({first_line(error)}): export the network with operator set {lowest} or later"
        ) from error
    raised.ir_version = max(raised.ir_version, model.ir_version)
    return raised


def _describe(request: ConversionRequest, file: NetworkFile, model: onnx.ModelProto, opset: int) -> dict[str, Any]:
    """The part of the provenance that is known before verification; it is written into the file too."""
    counted = count_multiply_adds(model, request.batch)
    source = model.graph.input[0]
    changed = _opset(model)
    texts = [f"the file's operator set {opset} is raised to {changed}"] if changed != opset else []
    return {
        "file_revision": FILE_REVISION,
        "models": [request.model],
        "release": dataclasses.asdict(own.card(request.model).release),
        "file_sha256": file.sha256,
        "weights": {"kind": own.SOURCE, "sha256": file.sha256},
        "macs": counted.multiply_adds,
        "classes": file.classes,
        "resolution": request.resolution,
        "opset": changed,
        "ir_version": model.ir_version,
        "batch": request.batch,
        "precision": "fp32",
        "input": {
            "name": source.name,
            "shape": [size.dim_value for size in source.type.tensor_type.shape.dim],
            "dtype": np.dtype(onnx.helper.tensor_dtype_to_np_dtype(source.type.tensor_type.elem_type)).name,
        },
        "operators": histogram(model),
        **({"warnings": texts} if texts else {}),
    }


def _save(model: onnx.ModelProto, path: Path, description: Mapping[str, Any], request: ConversionRequest) -> None:
    texts = {entry.key: entry.value for entry in model.metadata_props}
    texts[METADATA_PREFIX + "provenance"] = json.dumps(description, sort_keys=True)
    if request.preprocessing is not None:
        texts[METADATA_PREFIX + "preprocessing"] = json.dumps(dataclasses.asdict(request.preprocessing), sort_keys=True)
    onnx.helper.set_model_props(model, texts)
    onnx.save(model, path)


def _inputs(request: ConversionRequest, model: onnx.ModelProto, description: Mapping[str, Any]) -> GraphInputs:
    if request.options.values is not None:
        return ValueInputs(request.options.values, request.batch)
    assert request.preprocessing is not None
    return ImageInputs.of(model, description, request.preprocessing, Calibration())


def _verify(file: NetworkFile, path: Path, inputs: GraphInputs, description: Mapping[str, Any]) -> list[Agreement]:
    """Compares the changed file with the user's.

    Raises:
        VerificationError: it computes something else, or the user's yields NaN or infinity.
    """
    batch = description["batch"]
    sets = inputs.compared(COMPARED_IMAGES, COMPARED_IMAGES)
    found = agreements_of(sets, expected_rows_of(sets, file.path, batch), rows_of(sets, path, batch))
    for one in found:
        if one.relative_l2 > RUNTIME_TOLERANCE:
            raise VerificationError(
                f"the file as it is prepared for other precisions (operator set {description['opset']}, batch norms "
                f"folded) computes something else: relative L2 {one.relative_l2:.2e}; export the network with "
                f"operator set {description['opset']} or later, without batch norms"
            )
    return found
