"""From a native model to a graph, with the exporter of its framework."""

from __future__ import annotations

import dataclasses

import onnx

from converters import pytorch, tensorflow
from converters.errors import ConversionError
from converters.light_graph import weights_bytes
from converters.own_network import refuse_other_precision
from converters.request import ConversionRequest
from foundation.endings import says_out_of_memory
from foundation.garbage import collector_off
from foundation.units import BYTES_PER_GIB
from foundation.wording import first_line
from zoo.errors import MissingPackageError
from zoo.native import NativeModel
from zoo.own_model import OwnModel

LARGEST_WEIGHTS_BYTES = 2 * BYTES_PER_GIB - (1 << 20)
"""Protocol buffers hold less than 2 GiB; the graph's structure and notes need some room beside the weights."""

_FRAMEWORKS = {"pytorch": pytorch, "tensorflow": tensorflow}


def export(native: NativeModel, request: ConversionRequest) -> onnx.ModelProto:
    """The graph of a native model, unverified.

    Args:
        native: the model.
        request: exporter, opset and batch, resolved for its framework.

    Raises:
        ConversionError: the exporter cannot convert it.
        MissingPackageError: the framework's exporter is not installed.
    """
    try:
        # A tenth of an export was the collector's, which has millions of the framework's objects to go through.
        with collector_off():
            model = _exported(native, request)
    except (ConversionError, MissingPackageError, MemoryError):
        raise
    except Exception as error:
        # The dynamo exporter wraps the actual error in debugging advice.
        root = error.__cause__ or error
        _refuse_large(_state_bytes(native))
        raise ConversionError(
            f"the {request.exporter} exporter failed: {type(root).__name__}: {first_line(root)}"
            f"{of_the_other(native, request, root)}"
        ) from error
    _refuse_large(weights_bytes(model))
    return model


def _exported(native: NativeModel, request: ConversionRequest) -> onnx.ModelProto:
    model: onnx.ModelProto = _FRAMEWORKS[native.card.release.framework].export(
        native.deployable(),
        exporter=request.exporter,
        opset=request.opset,
        batch=request.batch,
        resolution=native.card.resolution,
    )
    return model


def _refuse_large(size_bytes: int) -> None:
    """Refuses weights that no ONNX file can hold.

    Raises:
        ConversionError: they are larger.
    """
    if size_bytes > LARGEST_WEIGHTS_BYTES:
        raise ConversionError(
            f"the weights take {size_bytes / BYTES_PER_GIB:.1f} GiB, and an artifact is one ONNX file, which holds at "
            "most 2 GiB: export the network with external data (torch.onnx.export with external_data=True), and "
            "measure that file with --onnx"
        )


def _state_bytes(native: NativeModel) -> int:
    """Bytes of a PyTorch network's weights; 0 for another framework, whose exporter has no such limit of its own."""
    if native.card.release.framework != "pytorch":
        return 0
    tensors = (*native.module.parameters(), *native.module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def of_the_other(native: NativeModel, request: ConversionRequest, root: BaseException) -> str:
    """Whether PyTorch's other exporter helps, found by trying it: its graph must be one that ONNX Runtime loads.

    Args:
        native: the model.
        request: as it failed.
        root: why; memory that ran out would run out again.

    Returns:
        The end of a sentence; empty where there is no other exporter.
    """
    if native.card.release.framework != "pytorch" or says_out_of_memory(str(root)):
        return ""
    other = next(name for name in pytorch.EXPORTERS if name != request.exporter)
    # Not at the top: importing this package starts no runtime.
    import onnxruntime

    try:
        model = _exported(native, dataclasses.replace(request, exporter=other))
        if isinstance(native, OwnModel):
            refuse_other_precision(model)
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception:
        return f"; the {other} exporter fails too"
    return f"; the {other} exporter takes the network: --exporter {other}"
