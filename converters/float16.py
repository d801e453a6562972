"""FP16 graphs, made by onnxconverter-common: weights and every operator in float16."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
from onnx import numpy_helper

from converters.errors import ConversionError
from foundation.wording import first_line
from zoo.errors import MissingPackageError

PACKAGES = ("onnxconverter-common", "onnx")
"""Packages whose versions determine the graph."""

LARGEST = float(np.finfo(np.float16).max)


def _refuse_overflow(model: onnx.ModelProto) -> None:
    """Refuses constants outside float16's range, which the library would clip with no more than a warning."""
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size and np.abs(values).max() > LARGEST:
            raise ConversionError(
                f"constant {tensor.name!r} reaches {np.abs(values).max():.3g}, beyond float16's {LARGEST:.0f}; "
                "keep this network in fp32"
            )


def to_float16(model: onnx.ModelProto, *, keep_io: bool = True) -> onnx.ModelProto:
    """A copy of a float32 graph that computes in float16.

    Args:
        model: entirely in float32, weights included.
        keep_io: inputs and outputs stay float32, each with one Cast; otherwise they are float16.

    Raises:
        ConversionError: a constant is beyond float16's range, or the library cannot convert the graph.
        MissingPackageError: onnxconverter-common is not installed.
    """
    try:
        from onnxconverter_common import float16
    except ImportError as error:
        raise MissingPackageError(
            f"an fp16 artifact needs onnxconverter-common, which cannot be imported ({error}); "
            "install it with: pip install 'baseline-zoo[precision]'"
        ) from error
    _refuse_overflow(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # The library's defaults would clip constants at 1e4 and raise the smallest ones to 1e-7: here every
            # number is rounded to the nearest in float16.
            converted: onnx.ModelProto = float16.convert_float_to_float16(
                model, min_positive_val=0.0, max_finite_val=LARGEST, keep_io_types=keep_io
            )
            onnx.checker.check_model(converted, full_check=True)
        except Exception as error:
            raise ConversionError(
                f"onnxconverter-common cannot convert this graph: {first_line(error)}; keep this network in fp32"
            ) from error
    return converted
