"""What a subnet of the AttentiveNAS search space is: its choices, read from a card's words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from zoo.errors import CatalogError

_STAGE = re.compile(r"d(\d+) k(\d+) s(\d+) e(\d+) c(\d+)( se)?")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of inverted residual blocks; its blocks differ only in stride and input width."""

    depth: int
    """Blocks of the stage."""
    kernel: int
    """Kernel of the depthwise convolutions, odd."""
    stride: int
    """Stride of the first block; the others have 1."""
    expansion: int
    """Middle width over input width; 1 leaves the expanding convolution out."""
    width: int
    """Output channels of every block."""
    squeeze_excite: bool

    def __str__(self) -> str:
        words = f"d{self.depth} k{self.kernel} s{self.stride} e{self.expansion} c{self.width}"
        return words + " se" * self.squeeze_excite


def parse_stage(text: str) -> Stage:
    """A stage from its words.

    Args:
        text: as in `d3 k5 s2 e4 c40 se`: depth, kernel, stride, expansion, output channels, then
            squeeze-and-excitation where the stage has it.

    Raises:
        CatalogError: a word that no stage has, or a kernel without a centre.
    """
    words = _STAGE.fullmatch(text)
    if words is None:
        raise CatalogError(f"cannot read the stage {text!r}: its words are d k s e c, each with a number, then se")
    depth, kernel, stride, expansion, width = (int(number) for number in words.groups()[:5])
    stage = Stage(depth, kernel, stride, expansion, width, squeeze_excite=words[6] is not None)
    if stage.kernel % 2 == 0 or min(stage.depth, stage.stride, stage.expansion, stage.width) < 1:
        raise CatalogError(f"cannot read the stage {text!r}: the kernel is odd, and no number is 0")
    return stage


@dataclasses.dataclass(frozen=True)
class Subnet:
    """The choices that make one network of the search space."""

    resolution: int
    """Height and width in pixels at which the network computes."""
    stem_width: int
    stages: tuple[Stage, ...]
    feature_width: int
    """Input features of the classifier."""


def read_subnet(architecture: Mapping[str, Any], resolution: int) -> Subnet:
    """The subnet of a card's architecture.

    Raises:
        CatalogError: a fact that is missing, or a stage that cannot be read.
    """
    try:
        stem_width, stages, feature_width = (architecture[key] for key in ("stem_width", "stages", "feature_width"))
    except KeyError as error:
        raise CatalogError(f"the architecture of an AlphaNet lacks {error}: {dict(architecture)}") from error
    return Subnet(resolution, stem_width, tuple(parse_stage(text) for text in stages), feature_width)
