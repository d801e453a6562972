"""AlphaNet: a subnet of the AttentiveNAS search space as a static network.

Module names are the release's, because they are the parameter names of its extracted subnets.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from zoo.architectures.alphanet_subnet import Stage, Subnet
from zoo.architectures.widths import round_width

_SQUEEZE_RATIO = 4
_HEAD_EXPANSION = 6


def middle_width(in_width: int, expansion: int) -> int:
    """Width of the depthwise convolution, from the block's own input width (not the widest choice's)."""
    return round_width(in_width * expansion)


def squeeze_width(width: int) -> int:
    """Width between the two convolutions of squeeze-and-excitation: the quarter is floored, then rounded."""
    return round_width(width // _SQUEEZE_RATIO)


class HardSigmoid(nn.Module):
    """relu6(x + 3) / 6, spelt out: `nn.Hardsigmoid` would export as one operator that the original lacks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Elementwise."""
        return functional.relu6(x + 3.0) / 6.0


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from all channels' means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = squeeze_width(width)
        layers: dict[str, nn.Module] = {
            "reduce": nn.Conv2d(width, squeezed, 1),
            "relu": nn.ReLU(),
            "expand": nn.Conv2d(squeezed, width, 1),
            "h_sigmoid": HardSigmoid(),
        }
        self.fc = nn.Sequential(OrderedDict(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        # One axis after the other, as the original: its exported graph has two reductions here.
        means = x.mean(3, keepdim=True).mean(2, keepdim=True)
        gated: torch.Tensor = x * self.fc(means)
        return gated


def conv_norm_act(
    in_width: int,
    out_width: int,
    kernel: int = 1,
    *,
    stride: int = 1,
    groups: int = 1,
    norm: bool = True,
    activation: bool = True,
    squeeze_excite: bool = False,
) -> nn.Sequential:
    """Convolution without bias, then what is asked of batch norm, swish and squeeze-and-excitation."""
    convolution = nn.Conv2d(in_width, out_width, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: dict[str, nn.Module] = {"conv": convolution}
    if norm:
        layers["bn"] = nn.BatchNorm2d(out_width)
    if activation:
        layers["act"] = nn.SiLU()
    if squeeze_excite:
        layers["se"] = SqueezeExcite(out_width)
    return nn.Sequential(OrderedDict(layers))


def inverted_bottleneck(in_width: int, stage: Stage, stride: int) -> nn.Sequential:
    """Expand, filter each channel, project: the main branch of a block."""
    middle = middle_width(in_width, stage.expansion)
    layers: dict[str, nn.Module] = {}
    if stage.expansion != 1:
        layers["inverted_bottleneck"] = conv_norm_act(in_width, middle)
    layers["depth_conv"] = conv_norm_act(
        middle, middle, stage.kernel, stride=stride, groups=middle, squeeze_excite=stage.squeeze_excite
    )
    layers["point_linear"] = conv_norm_act(middle, stage.width, activation=False)
    return nn.Sequential(OrderedDict(layers))


class Shortcut(nn.Module):
    """The other branch of a block: average pooling where the block has a stride, then a change of width.

    The convolution is in every released state, also where the widths agree and nothing uses it.
    """

    def __init__(self, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(in_width, out_width, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) -> (N, out, ceil(H / stride), ceil(W / stride))."""
        if self.stride > 1:
            # An odd size is padded to meet the main branch; the zeros count in the average.
            x = functional.avg_pool2d(x, self.stride, padding=x.shape[-1] % 2)
        if self.conv.in_channels != self.conv.out_channels:
            x = self.conv(x)
        return x


class Block(nn.Module):
    """Inverted residual block: every one has a shortcut, whatever its stride and widths."""

    def __init__(self, in_width: int, stage: Stage, stride: int) -> None:
        super().__init__()
        self.mobile_inverted_conv = inverted_bottleneck(in_width, stage, stride)
        self.shortcut = Shortcut(in_width, stage.width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in, H, W) -> (N, out, ceil(H / stride), ceil(W / stride))."""
        summed: torch.Tensor = self.mobile_inverted_conv(x) + self.shortcut(x)
        return summed


class AlphaNet(nn.Module):
    """Stem, seven stages, and a head that mixes features after pooling."""

    def __init__(self, subnet: Subnet, classes: int) -> None:
        super().__init__()
        self.resolution = subnet.resolution
        self.first_conv = conv_norm_act(3, subnet.stem_width, 3, stride=2)
        blocks, width = [], subnet.stem_width
        for stage in subnet.stages:
            for index in range(stage.depth):
                blocks.append(Block(width, stage, stage.stride if index == 0 else 1))
                width = stage.width
        self.blocks = nn.Sequential(*blocks)
        self.last_conv = nn.Sequential(
            conv_norm_act(width, _HEAD_EXPANSION * width),
            nn.AdaptiveAvgPool2d(1),
            conv_norm_act(_HEAD_EXPANSION * width, subnet.feature_width, norm=False),
        )
        classifier: dict[str, nn.Module] = {"linear": nn.Linear(subnet.feature_width, classes)}
        self.classifier = nn.Sequential(OrderedDict(classifier))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised images (N, 3, H, W) -> logits (N, classes).

        Images of another size are resized first: the release crops to 224 pixels for every subnet, and
        leaves the way to the subnet's resolution to the network.
        """
        if images.shape[-1] != self.resolution:
            images = functional.interpolate(images, size=self.resolution, mode="bicubic")
        features = self.last_conv(self.blocks(self.first_conv(images)))
        # The original squeezes, and so loses the batch axis of a single image.
        logits: torch.Tensor = self.classifier(features.flatten(1))
        return logits
