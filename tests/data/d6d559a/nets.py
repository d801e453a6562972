"""Networks of one's own for `--model`; their weights are numbers in a row, so that conversions give equal bytes."""

from __future__ import annotations

import torch
from torch import nn


def small() -> nn.Module:
    """A convolution, a pool and a linear layer."""
    return _network(4)


def wide() -> nn.Module:
    """The same with more channels."""
    return _network(8)


def _network(channels: int) -> nn.Module:
    layers = (nn.Conv2d(3, channels, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 6))
    network = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))
    return network
