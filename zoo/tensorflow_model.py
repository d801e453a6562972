"""A native model in TensorFlow: the same code for every source that is a Keras model."""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundation.vocabulary import PROBE
from foundation.wording import first_line, shortened
from zoo import probe
from zoo.card import ModelCard
from zoo.errors import MissingPackageError, WeightsError
from zoo.file_kinds import unlike_checkpoint
from zoo.state_fit import misfits
from zoo.torch_checkpoint import next_step

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_AVERAGED = "/ExponentialMovingAverage"
# Suffix of the file by which a checkpoint in the TensorFlow format is given.
_INDEX_SUFFIX = ".index"
# Modules that Keras imports, and may not find, if it is configured for another framework.
_OTHER_BACKENDS = ("jax", "openvino", "torch")
_SET_BACKEND = "set KERAS_BACKEND=tensorflow (~/.keras/keras.json may say otherwise)"


def load_triton_first() -> None:
    """Loads Triton, if it is installed, unless TensorFlow is already in this process.

    TensorFlow 2.20 and later exposes its LLVM to the whole process, and Triton crashes if it is loaded afterwards,
    which PyTorch does when it first needs it (github.com/tensorflow/tensorflow/issues/124205).
    """
    if "tensorflow" not in sys.modules:
        with contextlib.suppress(ImportError):
            importlib.import_module("triton")


def require_tensorflow(model: str, extra: str) -> None:
    """Makes sure that Keras 3 runs on TensorFlow here.

    Args:
        model: the model that needs it.
        extra: the extra of this project that installs both.

    Raises:
        ImportError: one of them is missing.
        MissingPackageError: both are installed, but Keras is older, or configured for another framework.
    """
    load_triton_first()
    try:
        import keras
    except (ImportError, ValueError) as error:
        if isinstance(error, ImportError) and error.name not in _OTHER_BACKENDS:
            raise
        raise MissingPackageError(
            f"{model} needs Keras on TensorFlow; here it is configured for another framework ({error}): {_SET_BACKEND}"
        ) from error
    import tensorflow as tf

    mend = ""
    if int(keras.__version__.split(".")[0]) < 3:
        mend = f"reinstall both with: pip install -U 'baseline-zoo[{extra}]'"
    elif keras.backend.backend() != "tensorflow":
        mend = _SET_BACKEND
    if mend:
        raise MissingPackageError(
            f"{model} needs Keras 3 on TensorFlow; this environment has Keras {keras.__version__} on "
            f"{keras.backend.backend()} beside TensorFlow {tf.__version__}: {mend}"
        )


class TensorFlowModel:
    """A Keras model of images (N, R, R, 3) behind the interface of `zoo.native.NativeModel`."""

    def __init__(self, card: ModelCard, module: keras.Model, release_name: Callable[[str], str] = str) -> None:
        """Wraps a model, and builds it for the card's resolution.

        Args:
            card: the model's facts.
            module: computes logits (N, classes).
            release_name: maps a variable's path in Keras to the release's name.
        """
        self.card = card
        self.module = module
        self.implementation = card.implementation
        self.weights = ""
        self.checkpoint: Mapping[str, str] = {}
        self.needs_recalibration = False
        self.recalibrated: Mapping[str, Any] | None = None
        module.build((None, card.resolution, card.resolution, 3))
        self._variables = {release_name(variable.path): variable for variable in module.variables}

    def deployable(self) -> keras.Model:
        """See `NativeModel.deployable`."""
        return self.module

    def parameters(self) -> dict[str, NDArray[Any]]:
        """See `NativeModel.parameters`."""
        return {name: host_array(variable) for name, variable in self._variables.items()}

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `NativeModel.logits`."""
        import tensorflow as tf

        channels_last = tf.constant(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
        result: NDArray[np.float32] = self.module(channels_last, training=False).numpy()
        return result

    def signature_sha256(self) -> str:
        """See `NativeModel.signature_sha256`."""
        return probe.signature_sha256((name, tuple(v.shape), str(v.dtype)) for name, v in self._variables.items())

    def weights_sha256(self) -> str:
        """See `NativeModel.weights_sha256`."""
        return probe.weights_sha256(self.parameters())

    def count_parameters(self) -> int:
        """See `NativeModel.count_parameters`."""
        return sum(math.prod(variable.shape) for variable in self.module.trainable_variables)

    def count_macs(self) -> int:
        """See `NativeModel.count_macs`; traces the model and computes nothing."""
        import tensorflow as tf

        image = tf.TensorSpec((1, self.card.resolution, self.card.resolution, 3), tf.float32)
        traced = tf.function(self.module, autograph=False).get_concrete_function(image)
        return sum(_macs(operation) for operation in traced.graph.get_operations())

    def assign(self, values: Callable[[str, tuple[int, ...]], NDArray[np.float32]]) -> None:
        """Sets every variable, in place.

        Args:
            values: maps a variable's release name and shape to its array.
        """
        for name, variable in self._variables.items():
            variable.assign(values(name, tuple(variable.shape)))

    def apply_probe(self) -> None:
        """Sets the probe's weights, in place; the damped ones if the card says so."""
        damping = self.card.probe_damping
        if damping is None:
            self.assign(
                lambda name, shape: probe.tensor(
                    name, shape, framework="tensorflow", variance_scale=self.card.probe_variance_scale
                )
            )
        else:
            self.assign(lambda name, shape: probe.damped_tensor(name, shape, damping, framework="tensorflow"))
        self.weights = PROBE

    def load_file(self, path: Path) -> None:
        """Loads a released checkpoint, strictly; the averaged weights if it has them, as the releases evaluate.

        Raises:
            WeightsError: the file is not a checkpoint, or not one of this network; the message lists the variables.
        """
        reader = open_checkpoint(path, self.card.name)
        shapes: Mapping[str, list[int]] = reader.get_variable_to_shape_map()
        stored = {name: name + _AVERAGED if name + _AVERAGED in shapes else name for name in self._variables}
        given = {name: tuple(shapes[source]) for name, source in stored.items() if source in shapes}
        given |= {name: tuple(shape) for name, shape in sorted(shapes.items()) if self._is_foreign(name)}
        own = {name: tuple(variable.shape) for name, variable in self._variables.items()}
        problems = misfits(own, given, classes=self.card.classes)
        types = reader.get_variable_to_dtype_map()
        strange = [name for name, source in stored.items() if source in types and not types[source].is_floating]
        if strange and not problems:
            problems = f"wrong data types in {shortened(strange)}"
        if problems:
            raise WeightsError(f"{path} does not fit {self.card.name}: {problems}; {next_step(self.card)}")
        with _reading(path, self.card.name):
            values = {name: reader.get_tensor(source) for name, source in stored.items()}
        self.assign(lambda name, _shape: values[name])
        self.weights = "file"

    def _is_foreign(self, name: str) -> bool:
        """Whether a variable belongs neither to the network nor to its training.

        What training keeps for a variable, averages and optimiser state, is named below that variable.
        """
        return name != "global_step" and name not in self._variables and name.rpartition("/")[0] not in self._variables


def host_array(variable: keras.Variable) -> NDArray[Any]:
    """The values of a variable on the CPU, read-only and not copied."""
    import tensorflow as tf

    return np.asarray(tf.convert_to_tensor(variable))


@contextlib.contextmanager
def _reading(path: Path, model: str) -> Iterator[None]:
    """Turns TensorFlow's errors about a checkpoint's files into `WeightsError`."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, RuntimeError, LookupError) as error:
        raise WeightsError(
            f"{path} cannot be read as a checkpoint of {model}: {first_line(error)}; "
            "fetch the index and its data files again, into one folder"
        ) from error


def open_checkpoint(path: Path, model: str) -> tf.train.CheckpointReader:
    """A reader of a checkpoint in TensorFlow's own format, which contains tensors and nothing executable.

    Args:
        path: the checkpoint's `.index` file.
        model: name of the model that it is for.

    Raises:
        WeightsError: the file is missing, or is not an index.
    """
    import tensorflow as tf

    if not path.is_file():
        raise WeightsError(f"no checkpoint file of {model} at {path}")
    if path.suffix != _INDEX_SUFFIX:
        raise WeightsError(f"{path} is not the .index file of a TensorFlow checkpoint, which {model} loads")
    if what := unlike_checkpoint(path):
        raise WeightsError(f"{path} is {what}, not the index of a TensorFlow checkpoint of {model}; fetch it again")
    with _reading(path, model):
        return tf.train.load_checkpoint(str(path.with_suffix("")))


def _macs(operation: tf.Operation) -> int:
    """Multiply-adds of one operation of a traced graph."""
    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
        return 0
    weights = operation.inputs[1].shape
    # Each output element is a sum over the kernel's area and input channels; of a depthwise one, over the area alone.
    summed = weights[:2] if operation.type == "DepthwiseConv2dNative" else weights[:-1]
    return int(math.prod(operation.outputs[0].shape) * math.prod(summed))
