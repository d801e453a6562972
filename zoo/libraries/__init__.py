"""Networks of timm and torchvision by name: `timm/mobilenetv4_conv_small`, `torchvision/resnet50.IMAGENET1K_V1`.

Their cards come from the installed package instead of the catalogue: size of the input, preprocessing, number of
classes, where the weights are, and the accuracy if the package states it. What only a built network knows, such as its
parameters, is 0 in them. `all` and the other suites do not contain these networks.
"""

from __future__ import annotations

import functools
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.selection import parts
from zoo.card import ModelCard
from zoo.errors import WeightsError
from zoo.libraries import listing

if TYPE_CHECKING:
    from zoo.checkpoints import FetchedCheckpoint
    from zoo.torch_model import TorchModel

SOURCES = tuple(listing.MODULES)
"""The libraries, each the source of its networks."""

_SAID_CHARACTERS = 300
"""PyTorch names every tensor of a state that does not fit."""


def split(patterns: str | Iterable[str]) -> tuple[list[str], list[str]]:
    """The single patterns: those that begin with the name of a library, and the others."""
    single = parts(patterns)
    return [one for one in single if _source(one) in SOURCES], [one for one in single if _source(one) not in SOURCES]


def cards(patterns: Iterable[str]) -> list[ModelCard]:
    """The cards that patterns of libraries select, in the order of the libraries' own lists.

    A pattern with a dot selects among names with the tag of certain weights, any other among the plain names, which
    stand for the library's default weights.

    Args:
        patterns: names or globs, each with the name of its library before a slash; the name of a library alone
            selects all of it.

    Raises:
        UnknownModelError: a pattern selects nothing; the message offers the nearest names.
        MissingPackageError: the library is not installed.
    """
    wanted = list(patterns)
    by_source = {source: tuple(one for one in wanted if _source(one) == source) for source in SOURCES}
    return [card for source, own in by_source.items() if own for card in _selected(source, own)]


@functools.cache
def _selected(source: str, patterns: Sequence[str]) -> list[ModelCard]:
    """The cards of one library, read in this process only if the framework is in it anyway."""
    if "torch" in sys.modules:
        return listing.selected(source, patterns)
    return listing.selected_elsewhere(source, patterns)


def load(card: ModelCard, checkpoint: FetchedCheckpoint | Path | None) -> TorchModel:
    """The native model of a library's card, with its weights.

    Released weights are loaded by the library's own code, which knows what it renamed since their release; it is given
    tensors, and opens no file.

    Args:
        card: one of `cards`.
        checkpoint: a released one, a user's file, or None for the probe's weights.

    Raises:
        MissingPackageError: the library is not installed.
        WeightsError: the checkpoint cannot be opened or does not fit.
    """
    import torch

    from zoo.libraries.ranges import keep_in_range
    from zoo.torch_checkpoint import next_step, read_state_dict
    from zoo.torch_model import TorchModel
    from zoo.weights import apply_weights, record_released

    library = listing.library(card.source)
    # What no state dict contains may be drawn, and would differ from process to process.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if checkpoint is None or isinstance(checkpoint, Path):
            native = TorchModel(card, library.build(card))
            apply_weights(native, checkpoint)
            if checkpoint is None:
                keep_in_range(native)
            return native
        state = read_state_dict(checkpoint.path, card)
        try:
            native = TorchModel(card, library.build(card, state))
        except (RuntimeError, LookupError) as error:
            said = textwrap.shorten(str(error), _SAID_CHARACTERS, placeholder=" ...")
            raise WeightsError(f"{checkpoint.path} does not fit {card.name}: {said}; {next_step(card)}") from error
    record_released(native, checkpoint)
    return native


def _source(pattern: str) -> str:
    return pattern.partition("/")[0].lower()
