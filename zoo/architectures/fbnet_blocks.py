"""The blocks of an FBNet as the catalogue writes them, and the rounding of their widths."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from zoo.errors import CatalogError

KINDS = {"conv": "ksc", "ir": "ksec", "skip": "c", "pool": "ec"}
"""Kinds of block, each with the numbers that it must state."""
OPTIONAL = {"conv": "", "ir": "pg", "skip": "", "pool": ""}
"""Numbers that a kind may state."""
ACTIVATIONS = ("re", "hs")

_FIELDS = {
    "k": "kernel",
    "s": "stride",
    "e": "expansion",
    "c": "channels",
    "p": "padding",
    "g": "groups",
    "x": "repeat",
}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclasses.dataclass(frozen=True)
class Block:
    """One block: what kind it is and its numbers."""

    kind: str
    """`conv`: convolution, norm, activation. `ir`: inverted residual. `skip`: identity, or a 1x1
    convolution where the width changes. `pool`: the last stage, which pools between its convolutions."""
    channels: int
    """Output channels."""
    kernel: int = 1
    stride: int = 1
    expansion: float = 1.0
    """Expanded channels over input channels, before rounding."""
    padding: int | None = None
    """Padding of the depthwise convolution where it is not half the kernel."""
    groups: int = 1
    """Groups of the two 1x1 convolutions; above one, the channels are shuffled between groups."""
    activation: str = "re"
    """`re` ReLU, `hs` h-swish."""
    squeeze_excite: bool = False


def _numbers(words: Iterable[str]) -> tuple[dict[str, float], list[str]]:
    """The words that are a letter and a number, by letter; and the rest."""
    numbers: dict[str, float] = {}
    rest = []
    for word in words:
        letter, digits = word[0], word[1:]
        if letter in _FIELDS and _NUMBER.fullmatch(digits) and letter not in numbers:
            numbers[letter] = float(digits)
        else:
            rest.append(word)
    return numbers, rest


def parse_blocks(text: str) -> list[Block]:
    """A block, as often as it is repeated.

    Args:
        text: the kind; then kernel, stride, expansion and channels where the kind has them, the padding and
            groups of an `ir` that are not the usual ones; `re` or `hs`; `se` for squeeze-and-excitation; and
            how often. As in `ir k5 s2 e4.5 c40 p1 hs se` or `ir k3 s1 e3 c40 hs x4`.

    Returns:
        `x` equal blocks.

    Raises:
        CatalogError: a word or number that the kind does not have, or one that is missing; quotes the block.
    """
    kind, *words = text.split() or [""]
    if kind not in KINDS:
        raise CatalogError(f"cannot read the block {text!r}: unknown kind {kind!r}; known: {', '.join(KINDS)}")
    numbers, flags = _numbers(words)
    missing = sorted(set(KINDS[kind]) - set(numbers))
    unknown = sorted(set(numbers) - set(KINDS[kind] + OPTIONAL[kind] + "x"))
    activations = [word for word in flags if word in ACTIVATIONS]
    unknown += [word for word in flags if word not in ACTIVATIONS and not (word == "se" and kind == "ir")]
    fractions = [letter for letter, number in numbers.items() if letter != "e" and not number.is_integer()]
    zeros = [letter for letter, number in numbers.items() if letter != "p" and not number]
    if unknown or missing or fractions or zeros or len(activations) != (kind != "skip"):
        raise CatalogError(
            f"cannot read the block {text!r}: unknown words {unknown}, missing numbers {missing}, "
            f"not whole {fractions}, zero {zeros}, activations {activations}"
        )
    repeat = int(numbers.pop("x", 1))
    values = {_FIELDS[letter]: int(number) for letter, number in numbers.items() if letter != "e"}
    block = Block(
        kind,
        expansion=numbers.get("e", 1.0),
        activation=activations[0] if activations else "re",
        squeeze_excite="se" in flags,
        **values,
    )
    return [block] * repeat


def parse_stages(stages: Sequence[Sequence[str]]) -> list[list[Block]]:
    """The blocks of each stage, repeats written out.

    Raises:
        CatalogError: a block that cannot be read, or no block at all.
    """
    parsed = [[block for text in stage for block in parse_blocks(text)] for stage in stages]
    if not parsed or not all(parsed):
        raise CatalogError(f"a stage without blocks in {stages!r}")
    return parsed
