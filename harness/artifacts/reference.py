"""The fixed network beside which every model is measured.

Its latency is the unit of the reported ratio, so it must be the same everywhere: weights come from the
raw stream of a bit generator, which numpy keeps stable, by exact float arithmetic; and the file holds
nothing that depends on the versions of numpy, onnx or protobuf.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from foundation.digests import file_sha256
from foundation.replacing import replacing
from harness.errors import HarnessError

if TYPE_CHECKING:
    import onnx

REFERENCE_SHA256 = "83cb777f5f79890e772b3ad1bbcd2c6540e9116e6300d8e81ca0c46bcca8443e"
"""Digest of the file that `write_reference` writes."""

REFERENCE_RESOLUTION = 224

REFERENCE_MACS = 619_212_288
"""Its multiply-adds, convolutions and linear layers."""

_SEED = 20220523
# The oldest pair that everything in use still reads: TensorRT 8.5 has opset 17, and ONNX Runtime 1.12 IR 8.
_OPSET = 17
_IR_VERSION = 8
_CLASSES = 1000


def write_reference(path: str | Path) -> None:
    """Writes the reference network as ONNX: input `input` (1, 3, 224, 224), output `logits` (1, 1000).

    Raises:
        HarnessError: the installed onnx or numpy produce other bytes, so that ratios would have
            another unit.
    """
    content = reference_model().SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest()
    if digest != REFERENCE_SHA256:
        raise HarnessError(
            f"The generated reference network has SHA-256 {digest[:16]}, not {REFERENCE_SHA256[:16]}, so ratios "
            "could not be compared with other runs. Install the onnx and numpy of the constraints file."
        )
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(content)


def reference_model() -> onnx.ModelProto:
    """About 620 million multiply-adds, 3 to 6 ms on two cores, in the mix that efficient CNNs have.

    A strided 3x3 stem, depthwise-separable blocks, two of them residual, a residual bottleneck with a
    full 3x3 convolution, global pooling and a linear layer.
    """
    network = _Network()
    x = network.convolution("input", 3, 48, kernel=3, stride=2)
    x = network.separable(x, 48, 96)
    x = network.separable(x, 96, 192, stride=2)
    x = network.add(x, network.separable(x, 192, 192))
    x = network.separable(x, 192, 384, stride=2)
    x = network.add(x, network.bottleneck(x, 384, 96))
    x = network.separable(x, 384, 768, stride=2)
    x = network.add(x, network.separable(x, 768, 768))
    network.classifier(x, 768, _CLASSES)
    return network.model()


class _Network:
    """Collects nodes and weights in the order in which they are added."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._generator = np.random.PCG64(_SEED)

    def convolution(
        self, x: str, channels_in: int, channels_out: int, *, kernel: int, stride: int = 1, groups: int = 1
    ) -> str:
        """A padded convolution with bias, and ReLU."""
        shape = (channels_out, channels_in // groups, kernel, kernel)
        convolved = self._node(
            "Conv",
            [x, self._weight(shape), self._bias(channels_out)],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
            group=groups,
        )
        return self._node("Relu", [convolved])

    def separable(self, x: str, channels_in: int, channels_out: int, *, stride: int = 1) -> str:
        """A depthwise 3x3 and a pointwise convolution."""
        x = self.convolution(x, channels_in, channels_in, kernel=3, stride=stride, groups=channels_in)
        return self.convolution(x, channels_in, channels_out, kernel=1)

    def bottleneck(self, x: str, channels: int, width: int) -> str:
        """Pointwise to `width`, full 3x3, pointwise back."""
        x = self.convolution(x, channels, width, kernel=1)
        x = self.convolution(x, width, width, kernel=3)
        return self.convolution(x, width, channels, kernel=1)

    def add(self, x: str, y: str) -> str:
        """The sum of a residual connection."""
        return self._node("Add", [x, y])

    def classifier(self, x: str, channels: int, classes: int) -> None:
        """Global average pooling and a linear layer, whose result is the output `logits`."""
        from onnx import helper

        pooled = self._node("Flatten", [self._node("GlobalAveragePool", [x])], axis=1)
        inputs = [pooled, self._weight((classes, channels)), self._bias(classes)]
        self._nodes.append(helper.make_node("Gemm", inputs, ["logits"], name="logits", transB=1))

    def model(self) -> onnx.ModelProto:
        """The model, without anything that depends on where it was made."""
        from onnx import TensorProto, helper

        shape = (1, 3, REFERENCE_RESOLUTION, REFERENCE_RESOLUTION)
        graph = helper.make_graph(
            self._nodes,
            "reference",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, _CLASSES))],
            initializer=self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR_VERSION
        model.ClearField("producer_name")
        model.ClearField("producer_version")
        return model

    def _node(self, operator: str, inputs: list[str], **attributes: int | list[int]) -> str:
        """Appends a node and returns the name of its output."""
        from onnx import helper

        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def _weight(self, shape: tuple[int, ...]) -> str:
        """He-uniform weights, which keep the activations' scale (He et al. 2015, arXiv 1502.01852)."""
        size = int(np.prod(shape))
        # The upper 24 bits as a float32 in [-1, 1): every step is exact.
        upper = (self._generator.random_raw(size) >> np.uint64(40)).astype(np.float32)
        uniform = upper * np.float32(2.0**-23) - np.float32(1)
        bound = np.float32(np.sqrt(6.0 / np.prod(shape[1:])))
        return self._tensor((uniform * bound).reshape(shape))

    def _bias(self, size: int) -> str:
        return self._tensor(np.zeros(size, dtype=np.float32))

    def _tensor(self, values: npt.NDArray[np.float32]) -> str:
        from onnx import TensorProto, helper

        name = f"weight_{len(self._weights)}"
        content = values.astype("<f4").tobytes()
        self._weights.append(helper.make_tensor(name, TensorProto.FLOAT, values.shape, content, raw=True))
        return name


def reference_file(cache_dir: Path) -> Path:
    """The reference network in the cache, under a name that changes with its content; a damaged one is rewritten.

    Raises:
        HarnessError: the cache cannot be used.
    """
    path = cache_dir / "reference" / f"{REFERENCE_SHA256}.onnx"
    try:
        if not path.is_file() or file_sha256(path) != REFERENCE_SHA256:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_reference(path)
    except OSError as error:
        raise HarnessError(
            f"the cache {cache_dir} cannot be used ({error.strerror}): free space there, or give another --cache-dir"
        ) from error
    return path
