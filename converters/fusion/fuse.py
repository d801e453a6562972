"""From a graph to the same with a backend's operators put back."""

from __future__ import annotations

import importlib

import onnx

from converters.fusion.rules import rules_of
from zoo.errors import MissingPackageError

PACKAGES = ("onnxscript", "onnx-ir", "onnx")
"""Packages whose versions determine the graph."""

_STANDARD = ("", "ai.onnx")


def fuse(model: onnx.ModelProto, backend: str, precision: str) -> tuple[onnx.ModelProto, dict[str, int]]:
    """A graph with the rules of a backend and a precision applied.

    Inputs, outputs, metadata and versions stay, and so do the names of the tensors between operators.

    Args:
        model: an fp32 graph, which is not changed.
        backend: name of the runtime that will run it.
        precision: the one that it will be converted to.

    Returns:
        The graph, and the number of matches of each rule that is on; the same object where none
        matches.

    Raises:
        MissingPackageError: onnxscript is not installed.
    """
    try:
        import onnx_ir as ir
        from onnx_ir.passes.common import RemoveUnusedNodesPass, ShapeInferencePass
    except ImportError as error:
        raise MissingPackageError(
            f"a fused graph needs onnxscript, which cannot be imported ({error}); install it with: pip install "
            "'baseline-zoo[precision]'"
        ) from error
    loaded = ir.from_proto(model)
    states_shapes = bool(model.graph.value_info)
    if not states_shapes:
        # The torchscript exporter and that of TensorFlow state none, which some rules ask for.
        ShapeInferencePass()(loaded)
    opset = next((entry.version for entry in model.opset_import if entry.domain in _STANDARD), 1)
    counts = {}
    for rule in rules_of(backend, precision):
        module = importlib.import_module(f"converters.fusion.{rule.name}")
        counts[rule.name] = module.rules().apply_to_model(loaded) if opset >= module.LOWEST_OPSET else 0
    if not any(counts.values()):
        return model, counts
    RemoveUnusedNodesPass()(loaded)
    fused: onnx.ModelProto = ir.to_proto(loaded)
    if not states_shapes:
        # What was inferred is in the outputs too.
        del fused.graph.value_info[:], fused.graph.output[:]
        fused.graph.output.extend(model.graph.output)
    return fused, counts
