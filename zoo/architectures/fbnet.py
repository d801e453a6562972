"""FBNet V1, V2 and V3 for classification: one network, told apart by its stages and three conventions.

Modules and parameters are named as in the release: a stage's blocks are `backbone.stages.xif<stage>_<block>`,
an inverted residual is `pw` (expand), `dw` (depthwise), `se`, `pwl` (project), and the classifier is a
convolution, `head.conv`.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.architectures.fbnet_blocks import Block
from zoo.architectures.widths import round_width

SQUEEZE_RATIO = 0.25


@dataclasses.dataclass(frozen=True)
class Conventions:
    """In what the generations differ, block by block."""

    width_divisor: int
    """Expanded and squeezed widths are rounded to a multiple of it; 1 rounds them to whole channels."""
    block_bias: bool
    """Whether the convolutions of inverted residuals have a bias, although a norm follows."""
    squeeze_base: str
    """What the squeezed width is a quarter of: the `expanded` channels, or the block's `input` channels."""

    def rounded(self, width: float) -> int:
        """A width as the release rounds it: it loses at most 5 %, where the field's usual bound is 10 %."""
        return round_width(width, self.width_divisor, smallest_share=0.95)


def hard_sigmoid(x: Tensor) -> Tensor:
    """`relu6(x + 3) / 6`, elementwise.

    Written out, and with a product for the division, because the release does: `nn.Hardsigmoid` would
    be exported as one operator, and a runtime would time another graph than the release's.
    """
    return functional.relu6(x + 3.0) * (1.0 / 6.0)


class HardSigmoid(nn.Module):
    """`hard_sigmoid` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, kept."""
        return hard_sigmoid(x)


class HardSwish(nn.Module):
    """`x * hard_sigmoid(x)` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape, kept."""
        return x * hard_sigmoid(x)


def activation(name: str) -> nn.Module:
    """The module of an activation: `re` or `hs`."""
    return HardSwish() if name == "hs" else nn.ReLU()


def conv_unit(
    in_channels: int,
    out_channels: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    bias: bool,
    norm: bool = True,
    act: str = "",
) -> nn.Sequential:
    """A convolution `conv`, then a batch norm `bn` and an activation `relu` where asked for.

    Padding is half the kernel unless given.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=kernel // 2 if padding is None else padding,
        groups=groups,
        bias=bias,
    )
    if norm:
        layers["bn"] = nn.BatchNorm2d(out_channels)
    if act:
        layers["relu"] = activation(act)
    return nn.Sequential(layers)


class SqueezeExcite(nn.Module):
    """Channel attention with a hard sigmoid gate; both convolutions have a bias in every generation."""

    def __init__(self, channels: int, squeezed: int, act: str) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.se = nn.Sequential(
            conv_unit(channels, squeezed, bias=True, norm=False, act=act),
            nn.Conv2d(squeezed, channels, 1),
            HardSigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), kept."""
        gate: Tensor = self.se(self.avg_pool(x))
        return x * gate


class ChannelShuffle(nn.Module):
    """Deals the channels of each group out to all groups.

    `nn.ChannelShuffle` computes the same, but the TorchScript exporter does not know it.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), kept; C a multiple of the groups."""
        batch, channels, height, width = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


class InvertedResidual(nn.Module):
    """Expand, shuffle, depthwise, squeeze-and-excitation, project; plus the input where the shape is kept."""

    def __init__(self, in_channels: int, block: Block, conventions: Conventions) -> None:
        super().__init__()
        bias, act = conventions.block_bias, block.activation
        expanded = conventions.rounded(in_channels * block.expansion)
        # Nothing to expand: the release leaves the convolution out, whatever the expansion says.
        self.pw = (
            conv_unit(in_channels, expanded, groups=block.groups, bias=bias, act=act)
            if expanded != in_channels
            else nn.Identity()
        )
        self.shuffle = ChannelShuffle(block.groups) if block.groups > 1 else nn.Identity()
        self.dw = conv_unit(
            expanded,
            expanded,
            block.kernel,
            stride=block.stride,
            padding=block.padding,
            groups=expanded,
            bias=bias,
            act=act,
        )
        self.se: nn.Module = nn.Identity()
        if block.squeeze_excite:
            base = expanded if conventions.squeeze_base == "expanded" else in_channels
            # Whole channels first, then the divisor: the release truncates before it rounds.
            squeezed = conventions.rounded(int(base * SQUEEZE_RATIO))
            self.se = SqueezeExcite(expanded, squeezed, act)
        self.pwl = conv_unit(expanded, block.channels, groups=block.groups, bias=bias)
        self.keeps_shape = block.stride == 1 and in_channels == block.channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H', W')."""
        y: Tensor = self.pwl(self.se(self.dw(self.shuffle(self.pw(x)))))
        return y + x if self.keeps_shape else y


class Skip(nn.Module):
    """What the search left of a block: the identity, or a projection where the width changes.

    The projection ends in a ReLU, in h-swish networks too, and never has a bias.
    """

    def __init__(self, in_channels: int, block: Block) -> None:
        super().__init__()
        self.conv = (
            conv_unit(in_channels, block.channels, bias=False, act="re")
            if in_channels != block.channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, H, W)."""
        y: Tensor = self.conv(x)
        return y


class PoolBlock(nn.Module):
    """The last stage of V2 and V3: expand, average over the image, and mix the features of one pixel.

    The second convolution has no norm.
    """

    def __init__(self, in_channels: int, block: Block, conventions: Conventions) -> None:
        super().__init__()
        bias, act = conventions.block_bias, block.activation
        expanded = conventions.rounded(in_channels * block.expansion)
        self.pw = conv_unit(in_channels, expanded, bias=bias, act=act)
        self.dw = nn.AdaptiveAvgPool2d(1)
        self.pwl = conv_unit(expanded, block.channels, bias=bias, norm=False, act=act)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, C_out, 1, 1)."""
        y: Tensor = self.pwl(self.dw(self.pw(x)))
        return y


def build_block(in_channels: int, block: Block, conventions: Conventions) -> nn.Module:
    """The module of one block."""
    if block.kind == "ir":
        return InvertedResidual(in_channels, block, conventions)
    if block.kind == "pool":
        return PoolBlock(in_channels, block, conventions)
    if block.kind == "skip":
        return Skip(in_channels, block)
    # Stem and last convolution have a bias before their norm in every generation.
    return conv_unit(in_channels, block.channels, block.kernel, stride=block.stride, bias=True, act=block.activation)


class Head(nn.Module):
    """Average over the image and a 1x1 convolution as the classifier.

    The average is taken after a pooling last stage too, over its one pixel.
    """

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.conv = nn.Conv2d(in_channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, classes)."""
        return torch.flatten(self.conv(self.avg_pool(x)), 1)


class Backbone(nn.Module):
    """The stages, one block after the other."""

    def __init__(self, stages: Sequence[Sequence[Block]], conventions: Conventions) -> None:
        super().__init__()
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        channels = 3
        for stage, members in enumerate(stages):
            for index, block in enumerate(members):
                blocks[f"xif{stage}_{index}"] = build_block(channels, block, conventions)
                channels = block.channels
        self.stages = nn.Sequential(blocks)
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, R, R) -> (N, C, H, W)."""
        y: Tensor = self.stages(x)
        return y


class FBNet(nn.Module):
    """An FBNet classifier.

    Args:
        stages: the blocks of each stage; the stem is the first, the last convolution or pooling block the last.
        conventions: of the network's generation.
        classes: number of logits.
    """

    def __init__(self, stages: Sequence[Sequence[Block]], conventions: Conventions, classes: int) -> None:
        super().__init__()
        self.backbone = Backbone(stages, conventions)
        self.head = Head(self.backbone.out_channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: (N, 3, R, R) -> (N, classes)."""
        logits: Tensor = self.head(self.backbone(images))
        return logits
