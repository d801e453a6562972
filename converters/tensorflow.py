"""TensorFlow's exporter, tf2onnx: from a Keras model to an ONNX graph.

tf2onnx rewrites a graph that contains its weights, and copies it, weights included, before each of its passes:
22 GiB for a network of 200 million parameters. Here the kernels are inputs of the graph while it is
rewritten, and become constants again afterwards.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import onnx

from converters.errors import ConversionError
from converters.folding import bind_weights, drop_idle_reshapes
from converters.numbering import number_in_order
from converters.pytorch import INPUT_NAME, OUTPUT_NAME
from foundation.packages import package_version
from foundation.wording import first_line
from zoo.errors import MissingPackageError
from zoo.tensorflow_model import host_array

if TYPE_CHECKING:
    import keras

EXPORTER = "tf2onnx"
OPSET = 17
"""The only opset: in 18, tf2onnx leaves a Transpose in the graph, and it has no later one."""
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "onnx")
"""Packages whose versions determine the exported graph; either of the two TensorFlows may be absent."""

_CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"


@contextlib.contextmanager
def _passes_in_place() -> Iterator[None]:
    """Makes tf2onnx's passes work on the graph itself: no copy before each, and a failing pass raises."""
    before = os.environ.get(_CATCH_ERRORS)
    os.environ[_CATCH_ERRORS] = "FALSE"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CATCH_ERRORS]
        else:
            os.environ[_CATCH_ERRORS] = before


def _input_name(index: int) -> str:
    return f"kernel_{index}"


def _export_without_kernels(module: keras.Model, batch: int, resolution: int) -> onnx.ModelProto:
    """The graph with an image input in NCHW, and an input `kernel_<i>` for each variable of two or more axes."""
    import tensorflow as tf
    import tf2onnx

    kernels = _kernels(module)
    indices = {id(kernel): index for index, kernel in enumerate(kernels)}
    vectors = {id(v): v.numpy() for v in module.variables if id(v) not in indices}

    def logits(image: Any, *values: Any) -> dict[str, Any]:
        def of(variables: list[Any]) -> list[Any]:
            return [values[indices[id(v)]] if id(v) in indices else tf.constant(vectors[id(v)]) for v in variables]

        result, _ = module.stateless_call(of(module.trainable_variables), of(module.non_trainable_variables), image)
        return {OUTPUT_NAME: result}

    signature = [tf.TensorSpec((batch, resolution, resolution, 3), tf.float32, INPUT_NAME)]
    signature += [tf.TensorSpec(v.shape, tf.float32, _input_name(index)) for index, v in enumerate(kernels)]
    with _passes_in_place():
        model: onnx.ModelProto
        model, _ = tf2onnx.convert.from_function(
            tf.function(logits, autograph=False),
            input_signature=signature,
            opset=OPSET,
            inputs_as_nchw=[INPUT_NAME],
        )
    return model


def _kernels(module: keras.Model) -> list[keras.Variable]:
    return [variable for variable in module.variables if len(variable.shape) > 1]


def _refuse_leftovers(model: onnx.ModelProto) -> None:
    """Refuses operators that tf2onnx does not know: it passes them on and writes only a log line."""
    unknown = sorted({node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)})
    if unknown:
        raise ConversionError(f"tf2onnx has no ONNX operators for {', '.join(unknown)}")


def _installed() -> str:
    versions = {package: package_version(package) for package in PACKAGES}
    return ", ".join(f"{package} {version}" for package, version in versions.items() if version)


def export(module: keras.Model, *, exporter: str, opset: int, batch: int, resolution: int) -> onnx.ModelProto:
    """The model as an ONNX graph with a static float32 NCHW input `input` and an output `logits`.

    Args:
        module: a built Keras 3 model of images (N, R, R, 3).
        exporter: `tf2onnx`.
        opset: 17.
        batch: images per inference, fixed in the graph.
        resolution: R, height and width of the input in pixels.

    Raises:
        ConversionError: another exporter or opset is requested, or TensorFlow, Keras and tf2onnx are incompatible.
        MissingPackageError: tf2onnx is not installed.
    """
    if (exporter, opset) != (EXPORTER, OPSET):
        raise ConversionError(
            f"a TensorFlow network is converted by {EXPORTER} at opset {OPSET}, not by {exporter} at {opset}"
        )
    try:
        model = _export_without_kernels(module, batch, resolution)
    except ImportError as error:
        raise MissingPackageError(
            f"converting a TensorFlow network needs tf2onnx, which cannot be imported ({error}); "
            "install it with: pip install 'baseline-zoo[tensorflow]'"
        ) from error
    except Exception as error:
        raise ConversionError(
            f"tf2onnx failed: {type(error).__name__}: {first_line(error)}; installed: {_installed()}; "
            "constraints.txt lists versions that are tested together"
        ) from error
    _refuse_leftovers(model)
    drop_idle_reshapes(model)
    weights = {
        _input_name(index): (kernel.path, lambda kernel=kernel: host_array(kernel))
        for index, kernel in enumerate(_kernels(module))
    }
    bind_weights(model, weights)
    number_in_order(model)
    _strip(model)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Removes names of this process's functions, and unused operator sets."""
    model.graph.doc_string = ""
    used = {node.domain for node in model.graph.node}
    for entry in [entry for entry in model.opset_import if entry.domain not in used]:
        model.opset_import.remove(entry)
    # The oldest file format that supports this opset, so that old runtimes can read the file.
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
