"""EfficientNet-X's table of stages and the rules that scale it to blocks; plain data, without a framework."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.architectures.widths import round_width
from zoo.errors import CatalogError

STEM_WIDTH = 32
HEAD_WIDTH = 1280
ACTIVATIONS = ("relu", "swish")

_SQUEEZE_RATIO = 0.25
# Channels that a space-to-depth of 2 x 2 pixels makes of one.
_SPACE_TO_DEPTH = 4
_FLAGS = ("fused", "space2depth", "after_space2depth")


@dataclasses.dataclass(frozen=True)
class Stage:
    """A run of equal blocks before scaling: one row of the family's table."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int
    """Output channels."""
    activation: str
    fused: bool = False
    """Expands with the k x k convolution itself instead of a 1 x 1 and a depthwise one."""
    space2depth: bool = False
    """Begins with the space-to-depth convolution, and runs on a quarter of the pixels."""
    after_space2depth: bool = False
    """Follows the stage of the space-to-depth convolution, which took its stride."""


@dataclasses.dataclass(frozen=True)
class Block:
    """One block, scaled."""

    in_channels: int
    middle_channels: int
    squeezed_channels: int
    out_channels: int
    kernel: int
    stride: int
    activation: str
    expands: bool
    """Whether a convolution widens what the depthwise one works on; a fused one always does."""
    fused: bool
    space2depth_channels: int = 0
    """Channels of the space-to-depth convolution in front; 0 where there is none."""

    @property
    def has_shortcut(self) -> bool:
        """Whether the block adds its input to its result."""
        return self.stride == 1 and self.in_channels == self.out_channels


def parse_stage(text: str) -> Stage:
    """One row of the stage table.

    Args:
        text: as in `r2 k3 s2 e6 c24 swish fused`: repeats, kernel, stride, expansion, output width,
            activation, then what is special: `fused`, `space2depth`, `after_space2depth`.

    Raises:
        CatalogError: a word that no stage has.
    """
    words = text.split()
    try:
        numbers = {word[0]: int(word[1:]) for word in words[:5]}
        repeats, kernel, stride, expansion, width = (numbers[letter] for letter in "rksec")
        activation, flags = words[5], words[6:]
    except (IndexError, KeyError, ValueError) as error:
        raise CatalogError(f"cannot read the stage {text!r}: {error!r}") from error
    unknown = sorted(({activation} - set(ACTIVATIONS)) | (set(flags) - set(_FLAGS)))
    if unknown:
        raise CatalogError(f"cannot read the stage {text!r}: unknown {unknown}")
    return Stage(repeats, kernel, stride, expansion, width, activation, **dict.fromkeys(flags, True))


def _scaled(stage: Stage, in_width: int, *, width: float, depth: float, squeeze: float) -> Iterator[Block]:
    """The blocks of a stage of `in_width` unscaled input channels."""
    # Expansion and squeeze are counted from the nominal input, which is not always what comes in.
    nominal = in_channels = round_width(in_width * width)
    out_channels, kernel, stride = round_width(stage.width * width), stage.kernel, stage.stride
    if stage.space2depth:
        # Four times the channels on a quarter of the pixels; half the kernel covers the same field.
        nominal, out_channels = _SPACE_TO_DEPTH * nominal, _SPACE_TO_DEPTH * out_channels
        kernel = (kernel + 1) // 2
    if stage.after_space2depth:
        in_channels, stride = _SPACE_TO_DEPTH * nominal, 1
    for index in range(math.ceil(depth * stage.repeats)):
        begins_space2depth = stage.space2depth and index == 0
        squeezed = int(nominal * (_SQUEEZE_RATIO * squeeze))
        if begins_space2depth:
            # The release counts the squeeze from the channels before this convolution, in this block alone.
            squeezed //= _SPACE_TO_DEPTH
        yield Block(
            in_channels=in_channels,
            middle_channels=nominal * stage.expansion,
            squeezed_channels=max(1, squeezed),
            out_channels=out_channels,
            kernel=kernel,
            stride=stride,
            activation=stage.activation,
            expands=stage.fused or stage.expansion != 1,
            fused=stage.fused,
            space2depth_channels=nominal if begins_space2depth else 0,
        )
        nominal = in_channels = out_channels
        stride = 1


def scaled_blocks(architecture: Mapping[str, Any]) -> list[Block]:
    """Every block of a network.

    Args:
        architecture: `stages` as `parse_stage` reads them, and the scaling: `width`, `depth`, and
            `squeeze`, the factor on the width of squeeze-and-excitation.

    Raises:
        CatalogError: a stage that cannot be read.
    """
    scaling = {name: architecture[name] for name in ("width", "depth", "squeeze")}
    blocks: list[Block] = []
    in_width = STEM_WIDTH
    for text in architecture["stages"]:
        stage = parse_stage(text)
        blocks += _scaled(stage, in_width, **scaling)
        in_width = stage.width
    return blocks
