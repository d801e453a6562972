"""PyTorch's exporters: from a `torch.nn.Module` to an ONNX graph."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from converters.errors import ConversionError
from converters.onnx_optimizer import optimize
from converters.opset import SOURCE_OPSET, TARGET_OPSET, lower_to_17

if TYPE_CHECKING:
    import torch

INPUT_NAME = "input"
OUTPUT_NAME = "logits"
PACKAGES = ("torch", "onnxscript", "onnx")
"""Packages whose versions determine the exported graph."""


def _export_dynamo(module: torch.nn.Module, image: torch.Tensor, opset: int) -> onnx.ModelProto:
    import torch

    program = torch.onnx.export(
        module,
        (image,),
        dynamo=True,
        opset_version=max(opset, SOURCE_OPSET),
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        optimize=False,
        verbose=False,
    )
    if program is None:
        raise ConversionError("the dynamo exporter returned no program")
    optimize(program)
    model: onnx.ModelProto = program.model_proto
    return lower_to_17(model) if opset == TARGET_OPSET else model


def _export_torchscript(module: torch.nn.Module, image: torch.Tensor, opset: int) -> onnx.ModelProto:
    import torch

    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # The exporter warns of its deprecation and of every traced shape; verification judges the graph.
        warnings.simplefilter("ignore")
        path = Path(folder, "model.onnx")
        torch.onnx.export(
            module,
            (image,),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
        )
        return onnx.load(path)


EXPORTERS = {"dynamo": _export_dynamo, "torchscript": _export_torchscript}


def _strip(model: onnx.ModelProto) -> None:
    """Removes what differs between machines and has no meaning for a runtime: source paths and notes."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]


def export(module: torch.nn.Module, *, exporter: str, opset: int, batch: int, resolution: int) -> onnx.ModelProto:
    """The module as an ONNX graph with a static float32 input `input` and an output `logits`.

    Args:
        module: in evaluation mode.
        exporter: `dynamo` (torch.export) or `torchscript` (tracing).
        opset: 17 or later.
        batch: images per inference, fixed in the graph.
        resolution: height and width of the input in pixels.

    Raises:
        ConversionError: the exporter or opset is unknown, or the exporter wrote another opset than requested.
    """
    import torch

    if exporter not in EXPORTERS:
        raise ConversionError(f"unknown exporter {exporter!r}; choose one of {', '.join(EXPORTERS)}")
    if opset < TARGET_OPSET:
        raise ConversionError(f"opset {opset} is too old; choose {TARGET_OPSET} or later")
    image = torch.zeros(batch, 3, resolution, resolution)
    model = EXPORTERS[exporter](module, image, opset)
    written = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if written != opset:
        # If it cannot convert, the dynamo exporter keeps its own opset and writes only a log line.
        raise ConversionError(
            f"the {exporter} exporter wrote opset {written} instead of {opset}; "
            f"choose --opset {written}, or the other exporter"
        )
    _strip(model)
    # The oldest file format that supports this opset, so that old runtimes can read the file.
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
    return model
