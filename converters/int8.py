"""INT8 graphs: explicit QuantizeLinear/DequantizeLinear pairs, placed by ONNX Runtime's static quantiser.

The placement of the pairs decides whether a runtime can fuse them into integer kernels, and runtimes expect
different placements:

- `tensorrt`: symmetric, zero points 0; pairs before the inputs of convolutions and matrix products and before the
  skip of a residual addition, never after them; weights stay float32 with a pair per channel; float biases.
  NVIDIA's documentation recommends this placement, and all of TensorRT 8.5 to 11 read it.
- `onnxruntime`: activations in uint8 with zero points, which absorb a ReLU; pairs around every operator that
  has an integer kernel; weights in int8 per channel. On the CPU the other placement computes in float32.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from converters.errors import ConversionError
from converters.graph_precision import WEIGHTED
from converters.inputs import Feed
from converters.quiet import terminal_spared
from converters.subgraphs import names_read
from foundation.wording import first_line
from zoo.errors import MissingPackageError

if TYPE_CHECKING:
    from onnxruntime.quantization import TensorsData

PACKAGES = ("onnxruntime", "onnx")
"""Packages whose versions determine the graph."""


@dataclasses.dataclass(frozen=True)
class Scheme:
    """How a network is quantised for a runtime."""

    symmetric_activations: bool
    """int8 with zero point 0; otherwise uint8 with any zero point."""
    inputs_only: bool
    """Pairs before the weighted operators and skips; otherwise around every operator that the quantiser knows."""
    options: Mapping[str, Any]
    """Options of the quantiser."""


SCHEMES = {
    "tensorrt": Scheme(
        symmetric_activations=True,
        inputs_only=True,
        options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            # TensorRT 8.5 refuses int32 biases, and quantises weights itself.
            "QuantizeBias": False,
            "QDQDisableWeightAdjustForInt32Bias": True,
            "AddQDQPairToWeight": True,
            "OpTypesToExcludeOutputQuantization": [*WEIGHTED, "Add"],
        },
    ),
    "onnxruntime": Scheme(symmetric_activations=False, inputs_only=False, options={"WeightSymmetric": True}),
}


class _Reader:
    """Calibration data in the form that ONNX Runtime's calibrator reads."""

    def __init__(self, feeds: Iterable[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        """The inputs of the next inference by name; None at the end."""
        return next(self._feeds, None)


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Gives every node a unique name: the quantiser selects nodes by name."""
    taken: set[str] = set()
    for index, node in enumerate(graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{index}"
        taken.add(node.name)


def residual_additions(graph: onnx.GraphProto) -> dict[str, str]:
    """Additions of a skip to a convolution's result, by name, with the tensor that comes from the convolution.

    TensorRT fuses the addition into the convolution, in integers if the skip is quantised too and the
    convolution's own result is not. If both are results of convolutions, the second counts as the skip.
    """
    producers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    found = {}
    for node in graph.node:
        if node.op_type != "Add" or not all(name in producers for name in node.input):
            continue
        for name in node.input:
            if producers[name].op_type == "Conv" and readers[name] == 1:
                found[node.name] = name
                break
    return found


def _keep_float(graph: onnx.GraphProto, kept: Mapping[str, str]) -> None:
    """Makes the given additions read the given tensors directly, not their dequantised copies."""
    producers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.name not in kept:
            continue
        for position, name in enumerate(node.input):
            if (restored := producers.get(name)) is None or restored.op_type != "DequantizeLinear":
                continue
            if (rounded := producers.get(restored.input[0])) is not None and rounded.input[0] == kept[node.name]:
                node.input[position] = kept[node.name]
    _drop_unread(graph)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Removes nodes and constants that nothing reads."""
    outputs = {value.name for value in graph.output}
    while True:
        read = outputs | {name for node in graph.node for name in names_read(node)}
        idle = [node for node in graph.node if not read & set(node.output)]
        for node in idle:
            graph.node.remove(node)
        if not idle:
            break
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)


def _ranges(path: Path, feeds: Iterable[Feed], operators: list[str], folder: Path) -> TensorsData:
    """The extremes of every activation of these operators over the inferences, computed with one thread.

    Several conversions run in parallel, and the quantiser's own calibration would use every core.
    """
    import onnxruntime
    from onnxruntime.quantization.calibrate import MinMaxCalibrater

    calibrater = MinMaxCalibrater(path, operators, augmented_model_path=str(folder / "augmented.onnx"))
    calibrater.augment_graph()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(calibrater.augmented_model_path, options, providers=["CPUExecutionProvider"])
    calibrater.infer_session = session
    calibrater.collect_data(_Reader(feeds))
    return calibrater.compute_data()


def _quantised(
    model: onnx.ModelProto, feeds: Iterable[Feed], scheme: Scheme, kept: Mapping[str, str], folder: Path
) -> onnx.ModelProto:
    """Applies the quantiser to a graph whose nodes have names."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    path = folder / "plain.onnx"
    onnx.save(model, path)
    if scheme.inputs_only:
        operators = [*WEIGHTED, "Add"]
        nodes = [node.name for node in model.graph.node if node.op_type in WEIGHTED or node.name in kept]
    else:
        operators, nodes = sorted({*QDQRegistry, *QLinearOpsRegistry}), []
    quantiser = QDQQuantizer(
        load_model_with_shape_infer(path),
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if scheme.symmetric_activations else QuantType.QUInt8,
        tensors_range=_ranges(path, feeds, operators, folder),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=operators,
        extra_options=dict(scheme.options),
    )
    quantiser.quantize_model()
    quantiser.model.topological_sort()
    result: onnx.ModelProto = quantiser.model.model
    return result


def to_int8(model: onnx.ModelProto, feeds: Iterable[Feed], *, scheme: str, folder: Path) -> onnx.ModelProto:
    """A quantised copy of a float32 graph; the ranges of activations are their extremes over some inferences.

    Args:
        model: its weights and what is quantised in float32, with inputs of static shapes.
        feeds: the inputs of the inferences.
        scheme: a key of `SCHEMES`.
        folder: for temporary files of up to a few times the model's size.

    Raises:
        ConversionError: the scheme is unknown, or the quantiser cannot handle the graph.
    """
    if scheme not in SCHEMES:
        raise ConversionError(f"unknown int8 scheme {scheme!r}; choose one of {', '.join(SCHEMES)}")
    chosen = SCHEMES[scheme]
    _name_nodes(model.graph)
    kept = residual_additions(model.graph) if chosen.inputs_only else {}
    try:
        with terminal_spared(), tempfile.TemporaryDirectory(prefix=".int8-", dir=folder) as temporary:
            result = _quantised(model, feeds, chosen, kept, Path(temporary))
    except (ConversionError, MissingPackageError):
        # Raised while reading an image.
        raise
    except Exception as error:
        raise ConversionError(
            f"onnxruntime cannot quantise this graph: {type(error).__name__}: {first_line(error)}; "
            "keep this network in fp32 or fp16"
        ) from error
    _keep_float(result.graph, kept)
    used = {node.domain for node in result.graph.node}
    for entry in [entry for entry in result.opset_import if entry.domain not in used]:
        result.opset_import.remove(entry)
    try:
        onnx.checker.check_model(result, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        # It does not see what branches and loop bodies read.
        raise ConversionError(
            f"the quantiser of onnxruntime wrote an invalid graph: {first_line(error)}; keep this network in fp32 or "
            "fp16"
        ) from error
    return result
