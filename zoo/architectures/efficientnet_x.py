"""EfficientNet-X and EfficientNet-H (arXiv 2102.05610) in Keras 3, channels last like the release.

EfficientNet shaped for matrix units: full convolutions instead of depthwise ones in the early stages, swish
only there, and a space-to-depth convolution behind the stem. Names of layers are the release's, so
that a variable's path is its name there; `release_name` translates the exception.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo.architectures.efficientnet_x_blocks import HEAD_WIDTH, STEM_WIDTH, Block
from zoo.architectures.widths import round_width

_EPSILON = 1e-3


def _swish(features: Any) -> Any:
    """Elementwise; written out, for `tf.nn.silu` registers a gradient at each trace, and with it keeps the graph."""
    return features * keras.ops.sigmoid(features)


_ACTIVATIONS = {"relu": keras.activations.relu, "swish": _swish}


def _numbered(name: str, index: int) -> str:
    """The release numbers layers of a kind in order of use, from the second on."""
    return f"{name}_{index}" if index else name


def _convolution(filters: int, kernel: int, stride: int = 1, index: int = 0, bias: bool = False) -> keras.layers.Layer:
    """A convolution with SAME padding: TensorFlow's, which pads more at the bottom and right where it is odd."""
    return keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=bias,
        kernel_initializer="zeros",
        name=_numbered("conv2d", index),
    )


def _depthwise_convolution(kernel: int, stride: int) -> keras.layers.Layer:
    return keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer="zeros",
        name="depthwise_conv2d",
    )


class BatchNorm(keras.layers.BatchNormalization):
    """Batch norm by running statistics: (N, H, W, C) -> (N, H, W, C).

    One operator, the release's own; Keras 3 spells it out in several, which cost time and have to be
    put together again at conversion.
    """

    def __init__(self, index: int = 0) -> None:
        super().__init__(epsilon=_EPSILON, name=_numbered("tpu_batch_normalization", index))

    def call(self, features: Any) -> Any:
        """See the class."""
        statistics = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        normalised, *_ = tf.compat.v1.nn.fused_batch_norm(
            features, *map(tf.convert_to_tensor, statistics), epsilon=_EPSILON, is_training=False
        )
        return normalised


class _Composite(keras.layers.Layer, abc.ABC):
    """A layer made of others, which are built with it.

    Without `build`, Keras traces `call` to find the shapes of the parts, and never frees what it traced.
    """

    @abc.abstractmethod
    def parts(self) -> Sequence[keras.layers.Layer]:
        """The parts in the order in which features pass through them."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds each part for the shape that the part before it yields."""
        for part in self.parts():
            part.build(input_shape)
            input_shape = part.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that the last part yields."""
        for part in self.parts():
            input_shape = part.compute_output_shape(input_shape)
        return input_shape


class ConvNorm(_Composite):
    """Convolution, batch norm, activation: (N, H, W, in) -> (N, H/stride, W/stride, filters)."""

    def __init__(self, filters: int, kernel: int, stride: int, activation: str, name: str) -> None:
        super().__init__(name=name)
        self.convolution = _convolution(filters, kernel, stride)
        self.norm = BatchNorm()
        self.activation = _ACTIVATIONS[activation]

    def parts(self) -> Sequence[keras.layers.Layer]:
        """See the base class."""
        return [self.convolution, self.norm]

    def call(self, images: Any) -> Any:
        """See the class."""
        return self.activation(self.norm(self.convolution(images)))


class SqueezeExcite(_Composite):
    """Scales channels by a gate computed from their means: (N, H, W, C) -> (N, H, W, C)."""

    def __init__(self, channels: int, squeezed_channels: int, activation: str) -> None:
        super().__init__(name="se")
        self.squeeze = _convolution(squeezed_channels, 1, bias=True)
        self.excite = _convolution(channels, 1, index=1, bias=True)
        self.activation = _ACTIVATIONS[activation]

    def parts(self) -> Sequence[keras.layers.Layer]:
        """See the base class."""
        return [self.squeeze, self.excite]

    def call(self, features: Any) -> Any:
        """See the class."""
        means = keras.ops.mean(features, axis=(1, 2), keepdims=True)
        return features * keras.ops.sigmoid(self.excite(self.activation(self.squeeze(means))))


class InvertedResidual(_Composite):
    """Expansion, squeeze-and-excitation, projection: (N, H, W, in) -> (N, H/stride, W/stride, out)."""

    def __init__(self, block: Block, name: str) -> None:
        super().__init__(name=name)
        self.has_shortcut = block.has_shortcut
        self.activation = _ACTIVATIONS[block.activation]
        self.space2depth = None
        if block.space2depth_channels:
            self.space2depth = ConvNorm(block.space2depth_channels, 2, 2, block.activation, name="space2depth")
        if block.fused:
            self.expansion = [_convolution(block.middle_channels, block.kernel, block.stride)]
        else:
            self.expansion = [_convolution(block.middle_channels, 1)] if block.expands else []
            self.expansion.append(_depthwise_convolution(block.kernel, block.stride))
        self.norms = [BatchNorm(index) for index in range(len(self.expansion))]
        self.squeeze_excite = SqueezeExcite(block.middle_channels, block.squeezed_channels, block.activation)
        self.projection = _convolution(block.out_channels, 1, index=int(block.expands))
        self.projection_norm = BatchNorm(len(self.expansion))

    def parts(self) -> Sequence[keras.layers.Layer]:
        """See the base class."""
        before = [] if self.space2depth is None else [self.space2depth]
        expansion = [part for pair in zip(self.expansion, self.norms, strict=True) for part in pair]
        return [*before, *expansion, self.squeeze_excite, self.projection, self.projection_norm]

    def call(self, images: Any) -> Any:
        """See the class."""
        features = images if self.space2depth is None else self.space2depth(images)
        for layer, norm in zip(self.expansion, self.norms, strict=True):
            features = self.activation(norm(layer(features)))
        features = self.projection_norm(self.projection(self.squeeze_excite(features)))
        return features + images if self.has_shortcut else features


class Head(_Composite):
    """Last convolution, global pooling, classifier: (N, H, W, in) -> (N, classes)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(name="head")
        self.convolution = _convolution(width, 1)
        self.norm = BatchNorm()
        self.classifier = keras.layers.Dense(classes, kernel_initializer="zeros", name="dense")

    def parts(self) -> Sequence[keras.layers.Layer]:
        """See the base class."""
        return [self.convolution, self.norm, self.classifier]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The pooling between the parts drops height and width."""
        return (input_shape[0], self.classifier.units)

    def call(self, features: Any) -> Any:
        """See the class."""
        features = keras.activations.relu(self.norm(self.convolution(features)))
        return self.classifier(keras.ops.mean(features, axis=(1, 2)))


class EfficientNetX(_Composite, keras.Model):
    """The network: images (N, R, R, 3) -> logits (N, classes).

    Args:
        name: with which the names of its variables begin; the release's name of the model.
        blocks: what is between stem and head.
        width: the factor on the widths of stem and head.
        classes: number of logits.
    """

    def __init__(self, name: str, blocks: Sequence[Block], width: float, classes: int) -> None:
        super().__init__(name=name)
        self.stem = ConvNorm(round_width(STEM_WIDTH * width), 3, 2, "relu", name="stem")
        self.blocks = [InvertedResidual(block, name=f"blocks_{index}") for index, block in enumerate(blocks)]
        self.head = Head(round_width(HEAD_WIDTH * width), classes)

    def parts(self) -> Sequence[keras.layers.Layer]:
        """See the base class."""
        return [self.stem, *self.blocks, self.head]

    def call(self, images: Any) -> Any:
        """See the class."""
        features = self.stem(images)
        for block in self.blocks:
            features = block(features)
        return self.head(features)


def release_name(path: str) -> str:
    """The release's name of a variable, from its path in Keras.

    Keras 3 calls a depthwise kernel `kernel` like any other; the release's layer said `depthwise_kernel`.
    """
    return path.replace("/depthwise_conv2d/kernel", "/depthwise_conv2d/depthwise_kernel")
