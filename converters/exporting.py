"""From a native model to a graph, with the exporter of its framework."""

from __future__ import annotations

import onnx

from converters import pytorch, tensorflow
from converters.errors import ConversionError
from converters.request import ConversionRequest
from foundation.wording import first_line
from zoo.errors import MissingPackageError
from zoo.native import NativeModel

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
        return _FRAMEWORKS[native.card.release.framework].export(
            native.deployable(),
            exporter=request.exporter,
            opset=request.opset,
            batch=request.batch,
            resolution=native.card.resolution,
        )
    except (ConversionError, MissingPackageError):
        raise
    except Exception as error:
        # The dynamo exporter wraps the actual error in debugging advice.
        root = error.__cause__ or error
        raise ConversionError(
            f"the {request.exporter} exporter failed: {type(root).__name__}: {first_line(root)}; "
            "try the other one (--exporter)"
        ) from error
