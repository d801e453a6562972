"""LaNet (arXiv 1906.06832): a network of searched cells, as released for CIFAR-10.

Module names are the release's, as its checkpoint holds them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.architectures.lanet_cell import Edge, Node, output_states
from zoo.architectures.weight_standardisation import StandardisedPointwise

STEM_MULTIPLIER = 3
"""Width of the stem over that of the first cells' nodes."""
AUXILIARY_WIDTHS = (128, 768)

_SEPARABLE_KERNELS = {"sep3": 3, "sep5": 5}


class _Op(nn.Module):
    """Layers under the attribute `op`, where the release keeps those of its operations."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.op = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.op(x)
        return y


def _projection(channels_in: int, channels_out: int) -> nn.Module:
    return _Op(
        nn.ReLU(),
        StandardisedPointwise(channels_in, channels_out),
        nn.BatchNorm2d(channels_out),
    )


def _separable(channels: int, kernel: int, stride: int) -> nn.Module:
    """ReLU, depthwise, pointwise, norm, twice; only the pointwise weights are standardised."""
    layers: list[nn.Module] = []
    for step in (stride, 1):
        depthwise = nn.Conv2d(channels, channels, kernel, step, kernel // 2, groups=channels, bias=False)
        pointwise = StandardisedPointwise(channels, channels)
        layers += [nn.ReLU(), depthwise, pointwise, nn.BatchNorm2d(channels)]
    return _Op(*layers)


class FactorizedReduce(nn.Module):
    """Halves height and width with two pointwise convolutions, the second one pixel down and right."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.conv_1 = nn.Conv2d(channels_in, channels_out // 2, 1, 2, bias=False)
        self.conv_2 = nn.Conv2d(channels_in, channels_out // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H / 2, W / 2), H and W even."""
        x = self.relu(x)
        y: Tensor = self.bn(torch.cat((self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])), dim=1))
        return y


def _operation(edge: Edge, channels: int, stride: int) -> nn.Module:
    if edge.operation == "skip":
        return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels)
    if edge.operation == "max3":
        return nn.MaxPool2d(3, stride, padding=1)
    return _separable(channels, _SEPARABLE_KERNELS[edge.operation], stride)


class Cell(nn.Module):
    """Nodes that each add two operations' results, on the outputs of the two cells before.

    In a reduction cell the operations that read the cell's inputs have stride 2.

    Args:
        nodes: in order.
        channels_in: channels of the two inputs, the older first.
        channels: channels of each node.
        reduces: whether this is a reduction cell.
        older_is_larger: whether the older input has twice the height and width, as after a reduction cell.
    """

    def __init__(
        self, nodes: Sequence[Node], channels_in: tuple[int, int], channels: int, reduces: bool, older_is_larger: bool
    ) -> None:
        super().__init__()
        older, newer = channels_in
        self.preprocess0 = FactorizedReduce(older, channels) if older_is_larger else _projection(older, channels)
        self.preprocess1 = _projection(newer, channels)
        self._edges = [edge for node in nodes for edge in node]
        self._outputs = output_states(nodes)
        self.channels_out = channels * len(self._outputs)
        self._ops = nn.ModuleList(
            _operation(edge, channels, stride=2 if reduces and edge.state < len(channels_in) else 1)
            for edge in self._edges
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Two inputs (N, channels, H, W) to (N, channels out, H, W), or half of H and W."""
        states = [self.preprocess0(older), self.preprocess1(newer)]
        results = zip(self._edges[::2], self._ops[::2], self._edges[1::2], self._ops[1::2], strict=True)
        for first, first_op, second, second_op in results:
            states.append(first_op(states[first.state]) + second_op(states[second.state]))
        return torch.cat([states[index] for index in self._outputs], dim=1)


class AuxiliaryHead(nn.Module):
    """A second classifier that only training uses; its tensors are in the released file."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        inner, features = AUXILIARY_WIDTHS
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=3),
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, features, 2, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, channels, 8, 8) to logits (N, classes)."""
        logits: Tensor = self.classifier(self.features(x).flatten(1))
        return logits


class LaNet(nn.Module):
    """Stem, cells with two reductions, pooling and classifier.

    Args:
        nodes: of the cells, normal and reducing alike.
        channels: of the first cells' nodes; each reduction doubles them.
        cells: how many; those after a third and two thirds of them reduce.
        classes: number of logits.
    """

    def __init__(self, nodes: Sequence[Node], channels: int, cells: int, classes: int) -> None:
        super().__init__()
        older = newer = STEM_MULTIPLIER * channels
        self.stem = nn.Sequential(nn.Conv2d(3, newer, 3, padding=1, bias=False), nn.BatchNorm2d(newer))
        self.cells = nn.ModuleList()
        reductions = (cells // 3, 2 * cells // 3)
        for index in range(cells):
            reduces = index in reductions
            channels *= 2 if reduces else 1
            cell = Cell(nodes, (older, newer), channels, reduces, older_is_larger=index - 1 in reductions)
            self.cells.append(cell)
            older, newer = newer, cell.channels_out
            if index == reductions[-1]:
                self.auxiliary_head = AuxiliaryHead(newer, classes)
        self.classifier = nn.Linear(newer, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 32, 32) to logits (N, classes).

        The release returns a pair whose second half is the auxiliary logits, None in evaluation mode; the
        auxiliary head is not run here at all.
        """
        older = newer = self.stem(images)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        pooled = nn.functional.adaptive_avg_pool2d(newer, 1)
        logits: Tensor = self.classifier(pooled.flatten(1))
        return logits
