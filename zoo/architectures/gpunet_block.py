"""One block of a GPUNet as data, in the words of the catalogue."""

from __future__ import annotations

import dataclasses
import re

from zoo.errors import CatalogError

_CONV = re.compile(r"(?P<stage>\d+) (?P<kind>conv) k(?P<kernel>\d+) s(?P<stride>\d+) c(?P<channels>\d+) (?P<act>\w+)")
_RESIDUAL = re.compile(
    r"(?P<stage>\d+) (?P<kind>fused|irb) k(?P<kernel>\d+) s(?P<stride>\d+) e(?P<expansion>\d+(\.\d+)?) "
    r"c(?P<channels>\d+) (?P<act>\w+)(?P<squeeze> se)?"
)
ACTIVATIONS = ("relu", "swish")


@dataclasses.dataclass(frozen=True)
class Block:
    """What decides a block beyond the channels it is given."""

    stage: int
    """Stage of the search space; it only occurs in parameter names."""
    kind: str
    """`conv` (plain convolution), `fused` (fused inverted residual) or `irb` (inverted residual)."""
    kernel: int
    stride: int
    channels: int
    """Channels of the output."""
    activation: str
    """`relu` or `swish`."""
    expansion: float = 1.0
    """Ratio of the inner width to the input's; a `conv` has none."""
    squeeze: bool = False
    """Whether squeeze-and-excitation follows the inner convolution."""


def parse_block(text: str) -> Block:
    """Reads one block of the catalogue.

    Args:
        text: as in `1 conv k3 s1 c32 relu` or `6 irb k3 s2 e5 c704 relu se`: stage, kind, kernel, stride,
            expansion, output channels, activation, then `se` where there is squeeze-and-excitation.

    Raises:
        CatalogError: a word that no block has, or one that is missing.
    """
    found = _CONV.fullmatch(text) or _RESIDUAL.fullmatch(text)
    if not found:
        raise CatalogError(
            f"cannot read the block {text!r}; one reads '1 conv k3 s1 c32 relu' or '6 irb k3 s2 e5 c704 relu se'"
        )
    words = found.groupdict()
    if words["act"] not in ACTIVATIONS:
        raise CatalogError(f"cannot read the block {text!r}: the activation is one of {', '.join(ACTIVATIONS)}")
    return Block(
        stage=int(words["stage"]),
        kind=words["kind"],
        kernel=int(words["kernel"]),
        stride=int(words["stride"]),
        channels=int(words["channels"]),
        activation=words["act"],
        expansion=float(words.get("expansion", 1.0)),
        squeeze=bool(words.get("squeeze")),
    )
