"""A network that TensorFlow 1 code builds, with as much of a Keras model's interface as the zoo needs.

The code runs once, in a graph of its own. In that graph every read of a variable then becomes an input, so that it
contains no weights: it is a function of images and weights, which eager TensorFlow runs and tf2onnx converts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.tensorflow_model import load_triton_first

if TYPE_CHECKING:
    import tensorflow as tf

_READ = "ReadVariableOp"


class GraphVariable:
    """A variable of the graph, with its values; zeros at first."""

    def __init__(self, path: str, shape: tuple[int, ...], dtype: str) -> None:
        """Describes a variable.

        Args:
            path: the name that the code gives it, without the trailing `:0`.
            shape: lengths of its axes.
            dtype: NumPy's name of its type.
        """
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self.assign(np.zeros(shape, dtype))

    def assign(self, values: NDArray[Any]) -> None:
        """Sets the values, from an array of the variable's shape."""
        import tensorflow as tf

        self._values = tf.constant(values, self.dtype)

    def numpy(self) -> NDArray[Any]:
        """The values, read-only and not copied."""
        return np.asarray(self._values)

    def __tf_tensor__(self, dtype: tf.DType | None = None, name: str | None = None) -> tf.Tensor:
        return self._values


class GraphNetwork:
    """The network of some TensorFlow 1 code, in its form for evaluation."""

    def __init__(self, code: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Keeps the code, which `build` runs.

        Args:
            code: maps images (N, R, R, 3) to logits (N, classes) in TensorFlow's default graph.
        """
        self._code = code
        self.trainable_variables: list[GraphVariable] = []
        self.non_trainable_variables: list[GraphVariable] = []

    @property
    def variables(self) -> list[GraphVariable]:
        """All variables, in the order of `_compute`'s values."""
        return self.trainable_variables + self.non_trainable_variables

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Runs the code.

        Args:
            shape: shape of the images; None for any number of them.
        """
        load_triton_first()
        import tensorflow as tf

        graph = tf.Graph()
        with graph.as_default():
            images = tf.compat.v1.placeholder(tf.float32, shape)
            logits = self._code(images)
            created, trained = tf.compat.v1.global_variables(), tf.compat.v1.trainable_variables()
        described = {v.name: GraphVariable(_path(v.name), tuple(v.shape), v.dtype.base_dtype.name) for v in created}
        names = {v.name for v in trained}
        self.trainable_variables = [variable for name, variable in described.items() if name in names]
        self.non_trainable_variables = [variable for name, variable in described.items() if name not in names]
        self._graph, self._reads = _with_reads_as_inputs(graph, logits)
        self._images, self._logits = images.name, logits.name
        self._run = tf.function(self._compute, autograph=False)

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits (N, classes) of images (N, R, R, 3), under the variables' values."""
        import tensorflow as tf

        del training  # The code was run for evaluation.
        if tf.executing_eagerly():
            return self._run(images, [tf.convert_to_tensor(variable) for variable in self.variables])
        # A tracer of this call sees the network's operations, not a function that contains them.
        return self._compute(images, [tf.identity(variable) for variable in self.variables])

    def stateless_call(
        self, trainable: Sequence[tf.Tensor], non_trainable: Sequence[tf.Tensor], images: tf.Tensor
    ) -> tuple[tf.Tensor, Sequence[tf.Tensor]]:
        """Logits under given values of the variables, and the other variables' values, which stay as they are."""
        return self._compute(images, [*trainable, *non_trainable]), non_trainable

    def _compute(self, images: tf.Tensor, values: Sequence[tf.Tensor]) -> tf.Tensor:
        import tensorflow as tf

        by_path = {variable.path: value for variable, value in zip(self.variables, values, strict=True)}
        inputs = {f"{read}:0": by_path[path] for read, path in self._reads.items()}
        (logits,) = tf.graph_util.import_graph_def(
            self._graph, {self._images: images, **inputs}, [self._logits], name=""
        )
        return logits


def _path(name: str) -> str:
    return name.removesuffix(":0")


def _with_reads_as_inputs(graph: tf.Graph, logits: tf.Tensor) -> tuple[Any, dict[str, str]]:
    """The part of a graph that computes the logits, without variables.

    Returns:
        The graph's definition, and the path of the variable that each of its new inputs stands for.
    """
    import tensorflow as tf

    definition = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), [logits.op.name])
    reads = {}
    for node in definition.node:
        if node.op == _READ:
            reads[node.name] = node.input[0]
            node.op = "Placeholder"
            del node.input[:]
    return tf.compat.v1.graph_util.extract_sub_graph(definition, [logits.op.name]), reads
