"""What all artifacts that are made from other artifacts have in common, whatever is changed in the graph."""

from __future__ import annotations

import collections
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from converters.artifact import Artifact
from converters.calibration import Calibration
from converters.errors import ConversionError
from converters.inputs import GraphInputs, ImageInputs, ValueInputs
from converters.request import PrecisionOptions
from foundation.vocabulary import METADATA_PREFIX
from zoo.card import Preprocessing
from zoo.own_preprocessing import written_preprocessing

NATURAL_IMAGES = 8
"""Number of generated images that a derived artifact is compared on."""

_NOT_INHERITED = ("key", "sha256", "size_bytes", "verification", "seconds", "preprocessing")
"""Entries of an artifact's provenance that apply to that file alone."""
_STANDARD = ("", "ai.onnx")


def standard_opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that a graph uses."""
    return int(next((entry.version for entry in model.opset_import if entry.domain in _STANDARD), 1))


def graph_inputs(
    model: onnx.ModelProto, source: Artifact, options: PrecisionOptions, calibration: Calibration
) -> GraphInputs:
    """What an artifact's graph is fed with, to be calibrated and compared.

    Raises:
        ConversionError: the file does not say how its images are prepared.
    """
    if options.values is not None:
        return ValueInputs(options.values, source.provenance["batch"])
    return ImageInputs.of(model, source.provenance, _preprocessing(model), calibration)


def _preprocessing(model: onnx.ModelProto) -> Preprocessing:
    """The card's preprocessing, as stored in the file."""
    key = METADATA_PREFIX + "preprocessing"
    text = next((entry.value for entry in model.metadata_props if entry.key == key), None)
    if text is None:
        raise ConversionError(f"the fp32 artifact has no {key}; convert it again")
    return written_preprocessing(text)


def description(source: Artifact, model: onnx.ModelProto, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a derived artifact's provenance that is known before verification; it is written into the file too.

    Args:
        source: what it is derived from.
        model: the derived graph.
        changes: entries beside, or in place of, those of the source.
    """
    inherited = {name: value for name, value in source.provenance.items() if name not in _NOT_INHERITED}
    graph_input = model.graph.input[0].type.tensor_type
    return {
        **inherited,
        **changes,
        "opset": standard_opset(model),
        "ir_version": model.ir_version,
        "input": {
            **inherited["input"],
            "dtype": np.dtype(onnx.helper.tensor_dtype_to_np_dtype(graph_input.elem_type)).name,
        },
        "operators": dict(sorted(collections.Counter(node.op_type for node in model.graph.node).items())),
    }


def save(model: onnx.ModelProto, path: Path, provenance: Mapping[str, Any]) -> None:
    """Writes the file with its own provenance in place of that of its source."""
    texts = {entry.key: entry.value for entry in model.metadata_props}
    texts[METADATA_PREFIX + "provenance"] = json.dumps(provenance, sort_keys=True)
    onnx.helper.set_model_props(model, texts)
    onnx.save(model, path)
