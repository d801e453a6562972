"""Weight-standardised convolution (arXiv 1903.10520), and its folding for deployment."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-5


def standardised(weight: Tensor) -> Tensor:
    """Each filter with mean 0 and standard deviation 1 over its own values.

    Args:
        weight: (out, in, height, width).

    Returns:
        The same shape. The deviation is the unbiased one, and the epsilon is added to it, not to the
        variance.
    """
    centred = weight - weight.mean(dim=(1, 2, 3), keepdim=True)
    deviation: Tensor = centred.flatten(1).std(dim=1)
    return centred / (deviation + EPSILON).view(-1, 1, 1, 1)


class StandardisedPointwise(nn.Conv2d):
    """A 1x1 convolution without bias whose filters are standardised at every use; `weight` is the raw one."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H, W)."""
        return functional.conv2d(x, standardised(self.weight))

    def folded(self) -> nn.Conv2d:
        """The plain convolution that computes the same: its weight is the standardised one."""
        plain = nn.Conv2d(self.in_channels, self.out_channels, 1, bias=False, device="meta")
        plain.weight = nn.Parameter(standardised(self.weight.detach()), requires_grad=False)
        return plain.train(self.training)


def fold(module: nn.Module) -> nn.Module:
    """A copy of `module` with plain convolutions in place of weight-standardised ones.

    The copy computes what `module` computes, its standardised weights being constants. It is what to
    convert: a graph of the module itself would standardise them again for every image. Its tensors have
    the release's names but not its values, so no checkpoint may be loaded into it.
    """
    result = copy.deepcopy(module)
    for name, child in list(result.named_modules()):
        if isinstance(child, StandardisedPointwise):
            result.set_submodule(name, child.folded())
    return result
