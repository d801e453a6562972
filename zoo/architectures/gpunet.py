"""GPUNet (arXiv 2205.00841): networks of convolutions, fused and plain inverted residuals.

The release builds its networks in two ways that share a layout but neither module structure nor
numerics: the searched networks (GPUNet-0, -1, -2, -P0, -P1) and the distilled ones (-D1, -D2).
Module names are the release's, as its checkpoints hold them: what reads oddly here (colons and spaces
in names, `conv_pwl`, two batch norm epsilons) is in the files.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

from torch import Tensor, nn

from zoo.architectures.gpunet_block import Block
from zoo.architectures.widths import round_width

SEARCHED_EPSILON = 1e-3
"""Batch norm epsilon of the searched networks; the distilled ones keep PyTorch's 1e-5."""
DISTILLED_FEATURES = 1152
"""Width of the distilled networks' last feature map, whatever the layer table says."""
DROPOUT = 0.2

# The release counts a network's entries from 1, and the first describes the input.
_HEAD_POSITION = 2
_ACTIVATIONS: dict[str, type[nn.ReLU] | type[nn.SiLU]] = {"relu": nn.ReLU, "swish": nn.SiLU}
_SQUEEZE_RATIO = 0.25


def squeezed_width(width: int, expansion: float) -> int:
    """Inner width of squeeze-and-excitation: a quarter of the block's input, by way of its inner width."""
    return round(width * (_SQUEEZE_RATIO / expansion))


def _activation(name: str) -> nn.Module:
    return _ACTIVATIONS[name](inplace=True)


def _conv(
    channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, *, pad: bool = True, groups: int = 1
) -> nn.Conv2d:
    padding = kernel // 2 if pad else 0
    return nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=SEARCHED_EPSILON)


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from the channels' means."""

    def __init__(self, channels: int, squeezed: int, activation: str) -> None:
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, squeezed, 1)
        self.act1 = _activation(activation)
        self.conv_expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to the same shape."""
        gate: Tensor = self.conv_expand(self.act1(self.conv_reduce(x.mean((2, 3), keepdim=True))))
        return x * gate.sigmoid()


class ConvNormAct(nn.Module):
    """Convolution, batch norm, activation; no shortcut, even where the shapes would allow one."""

    def __init__(self, channels_in: int, block: Block) -> None:
        super().__init__()
        self.conv = _conv(channels_in, block.channels, block.kernel, block.stride)
        self.bn1 = _norm(block.channels)
        self.act1 = _activation(block.activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H / stride, W / stride)."""
        y: Tensor = self.act1(self.bn1(self.conv(x)))
        return y


class _Residual(nn.Module, abc.ABC):
    """A block with an inner width, and a shortcut where input and output have one shape."""

    def __init__(self, channels_in: int, block: Block) -> None:
        super().__init__()
        self.has_shortcut = block.stride == 1 and channels_in == block.channels
        self.width = round_width(channels_in * block.expansion)

    def _squeeze(self, block: Block) -> nn.Module:
        if not block.squeeze:
            return nn.Identity()
        return SqueezeExcite(self.width, squeezed_width(self.width, block.expansion), block.activation)

    @abc.abstractmethod
    def body(self, x: Tensor) -> Tensor:
        """The block without its shortcut."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H / stride, W / stride)."""
        return x + self.body(x) if self.has_shortcut else self.body(x)


class InvertedResidual(_Residual):
    """Pointwise expansion, depthwise convolution, squeeze-and-excitation, linear projection.

    The expansion convolution is there even where the ratio is 1.
    """

    def __init__(self, channels_in: int, block: Block) -> None:
        super().__init__(channels_in, block)
        self.conv_pw = _conv(channels_in, self.width)
        self.bn1 = _norm(self.width)
        self.act1 = _activation(block.activation)
        self.conv_dw = _conv(self.width, self.width, block.kernel, block.stride, groups=self.width)
        self.bn2 = _norm(self.width)
        self.act2 = _activation(block.activation)
        self.se = self._squeeze(block)
        self.conv_pwl = _conv(self.width, block.channels)
        self.bn3 = _norm(block.channels)

    def body(self, x: Tensor) -> Tensor:
        """See `_Residual.body`."""
        x = self.act1(self.bn1(self.conv_pw(x)))
        x = self.act2(self.bn2(self.conv_dw(x)))
        y: Tensor = self.bn3(self.conv_pwl(self.se(x)))
        return y


class FusedInvertedResidual(_Residual):
    """Full convolution to the inner width, squeeze-and-excitation, linear projection.

    With stride 2 the convolution has no padding: the release asks for TensorFlow's SAME padding, which
    depends on the input's size and is dropped on the way, and the released weights are trained so.
    """

    def __init__(self, channels_in: int, block: Block) -> None:
        super().__init__(channels_in, block)
        self.conv_exp = _conv(channels_in, self.width, block.kernel, block.stride, pad=block.stride == 1)
        self.bn1 = _norm(self.width)
        self.act1 = _activation(block.activation)
        self.se = self._squeeze(block)
        self.conv_pwl = _conv(self.width, block.channels)
        self.bn2 = _norm(block.channels)

    def body(self, x: Tensor) -> Tensor:
        """See `_Residual.body`."""
        x = self.act1(self.bn1(self.conv_exp(x)))
        y: Tensor = self.bn2(self.conv_pwl(self.se(x)))
        return y


class _Net(nn.Module):
    """Layers under the attribute `net`, where the release keeps those of heads and tails."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class DistilledInvertedResidual(nn.Module):
    """Inverted residual of the distilled networks: ReLU, and an inner width that is not rounded."""

    def __init__(self, channels_in: int, block: Block) -> None:
        super().__init__()
        width = int(channels_in * block.expansion)
        self.has_shortcut = block.stride == 1 and channels_in == block.channels
        self.body = nn.Sequential(
            _conv(channels_in, width),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _conv(width, width, block.kernel, block.stride, groups=width),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            _conv(width, block.channels),
            nn.BatchNorm2d(block.channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H / stride, W / stride)."""
        y: Tensor = self.body(x)
        return x + y if self.has_shortcut else y


def _searched_head(width: int, activation: str) -> nn.Module:
    return _Net(_conv(3, width, 3, 2), _norm(width), _activation(activation))


def _searched_tail(channels: int, features: int, classes: int) -> nn.Module:
    # ReLU, whatever the activation of the blocks before.
    return _Net(
        _conv(channels, features),
        _norm(features),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(DROPOUT),
        nn.Linear(features, classes),
    )


def _distilled_head(width: int, convolutions: int) -> nn.Module:
    layers: list[nn.Module] = []
    for index in range(convolutions):
        channels, stride = (3, 2) if index == 0 else (width, 1)
        layers += [_conv(channels, width, 3, stride), nn.BatchNorm2d(width), nn.ReLU()]
    return _Net(*layers)


def _distilled_tail(channels: int, features: int, classes: int) -> nn.Module:
    # The second convolution, after pooling, has neither bias nor norm.
    return _Net(
        _conv(channels, DISTILLED_FEATURES),
        nn.BatchNorm2d(DISTILLED_FEATURES),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        _conv(DISTILLED_FEATURES, features),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(DROPOUT),
        nn.Linear(features, classes),
    )


class GPUNet(nn.Module):
    """A head, blocks and a tail under the release's literal names."""

    def __init__(self, layers: Sequence[tuple[str, nn.Module]]) -> None:
        super().__init__()
        self.network = nn.Sequential()
        for name, layer in layers:
            self.network.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, R, R) to logits (N, classes)."""
        logits: Tensor = self.network(x)
        return logits


_SEARCHED_BLOCKS: dict[str, type[nn.Module]] = {
    "conv": ConvNormAct,
    "fused": FusedInvertedResidual,
    "irb": InvertedResidual,
}


def searched(head: int, head_activation: str, blocks: Sequence[Block], features: int, classes: int) -> GPUNet:
    """A searched network.

    Args:
        head: channels of the first convolution.
        head_activation: `relu` or `swish`.
        blocks: in order.
        features: width of the last feature map.
        classes: number of logits.
    """
    position, channels = _HEAD_POSITION, head
    layers = [(f"head: {position}", _searched_head(head, head_activation))]
    for block in blocks:
        position += 1
        layer = _SEARCHED_BLOCKS[block.kind](channels, block)
        layers.append((f"stage: {block.stage} layer{position}", layer))
        channels = block.channels
    # The tail's name begins with a space.
    layers.append((f" layer{position + 1}", _searched_tail(channels, features, classes)))
    return GPUNet(layers)


def distilled(head: int, head_convolutions: int, blocks: Sequence[Block], features: int, classes: int) -> GPUNet:
    """A distilled network; its blocks are inverted residuals with ReLU.

    Args:
        head: channels of the first convolutions.
        head_convolutions: how many there are; the first has stride 2.
        blocks: in order.
        features: width of the layer before the classifier.
        classes: number of logits.
    """
    channels = head
    layers = [("head:", _distilled_head(head, head_convolutions))]
    for position, block in enumerate(blocks, _HEAD_POSITION + 1):
        layers.append((f"stage: {block.stage} irb{position}", DistilledInvertedResidual(channels, block)))
        channels = block.channels
    layers.append(("tail:", _distilled_tail(channels, features, classes)))
    return GPUNet(layers)
