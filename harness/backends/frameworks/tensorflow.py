"""TensorFlow in graph mode: the network as its release deploys it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation import privacy
from foundation.packages import package_version
from harness.backends.backend import Availability, Backend
from harness.backends.frameworks.origin import rebuilt, stated_origin
from harness.backends.frameworks.specs import PRECISIONS, REFERENCE_BACKEND, input_specs, output_name, reference_runtime
from harness.backends.session import Arrays, Session, TensorSpec
from harness.errors import UnsupportedError
from harness.files.onnx_graph import read_graph
from harness.machine.gpu.settings import GpuSettings

if TYPE_CHECKING:
    import keras
    import numpy.typing as npt

    from harness.vocabulary import LatencyKind

_DISTRIBUTIONS = ("tensorflow-cpu", "tensorflow")


class TensorFlowSession(Session):
    """A Keras model on the processor, traced once."""

    latency_kind: LatencyKind = "host"
    provider = "TensorFlow CPU"

    def __init__(self, module: keras.Model, output: str, precision: str) -> None:
        """Wraps a model.

        Args:
            module: the network, with its weights; it takes images with the channels last.
            output: name of its output.
            precision: what it must compute in.
        """
        import tensorflow as tf

        super().__init__(precision)
        self._module = module
        self._output = output
        self._function = tf.function(lambda images: module(images, training=False), autograph=False)

    def bind_impl(self, arrays: Arrays) -> None:
        """Puts the images where TensorFlow reads them, with the channels last."""
        import numpy as np
        import tensorflow as tf

        (images,) = arrays.values()
        self._images = tf.constant(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))

    def infer(self) -> None:
        """Runs the graph once; the array of the logits exists when it returns."""
        self._logits = self._function(self._images).numpy()

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns a copy of the logits of the last inference."""
        return {self._output: self._logits.copy()}

    def check_placement_impl(self) -> None:
        """There is nowhere else to run: GPUs are hidden before the network is built."""

    def precision_effective(self) -> str:
        """Returns the types of the weights; nothing here casts them."""
        names = {str(variable.dtype) for variable in self._module.trainable_variables}
        return "+".join(sorted(PRECISIONS.get(name, name) for name in names))

    def close(self) -> None:
        """Forgets the model."""
        del self._module, self._function


class TensorFlowBackend(Backend):
    """TensorFlow on the processor."""

    name = "tensorflow"
    precisions = ("fp32",)
    reference_backend = REFERENCE_BACKEND

    def availability(self) -> Availability:
        """Returns whether tensorflow is installed; it is not imported, which takes seconds."""
        if _version() is None:
            return Availability(False, "tensorflow is not installed.", "Run: pip install 'baseline-zoo[all]'")
        return Availability(True, f"{self.runtime()} is installed.")

    def runtime(self) -> str:
        """Returns name and version, as in `tensorflow 2.21.0`."""
        return f"tensorflow {_version()}"

    def environment_facts(self) -> Mapping[str, str]:
        """Returns the version, how the network runs, and what the reference network runs on."""
        return {"tensorflow": _version() or "", "mode": "graph", "reference": reference_runtime()}

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Builds the network that the artifact was exported from."""
        del gpu
        graph = read_graph(artifact)
        made = stated_origin(graph, artifact, "tensorflow")
        _use(threads)
        native = rebuilt(made, cache_dir)
        return TensorFlowSession(native.deployable(), output_name(graph), precision), input_specs(graph)


def _version() -> str | None:
    return next((found for name in _DISTRIBUTIONS if (found := package_version(name))), None)


def _use(threads: int) -> None:
    """Sets the threads of an inference, which TensorFlow allows only before its first operation.

    Raises:
        UnsupportedError: an earlier session of this process runs on another number.
    """
    privacy.leave_no_settings()
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise UnsupportedError(
            f"TensorFlow already runs in this process on {tf.config.threading.get_intra_op_parallelism_threads()} "
            f"threads, and cannot change to {threads}."
        ) from error
