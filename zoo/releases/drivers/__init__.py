"""One module a source: builds a card's network by the original code's own public builders.

A driver is a module `zoo.releases.drivers.<source>` with `build(card, checkouts)`. It runs in a process of its
own (`zoo.releases.isolation`), imports the original code by `import_original`, and edits nothing. The original
code is not this project's: a driver only calls it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

from zoo.card import ModelCard
from zoo.errors import ReleaseError
from zoo.native import NativeModel

if TYPE_CHECKING:
    import torch


class Driver(Protocol):
    """What a source's driver offers."""

    def build(self, card: ModelCard, checkouts: Mapping[str, Path]) -> NativeModel:
        """The network of `card` as the original code builds it, its weights not yet set.

        Args:
            card: of a model of the source.
            checkouts: folder of every checkout of the source, by its name in `sources.toml`.

        Raises:
            ReleaseError: the original code has no such model.
        """
        ...


def driver(source: str) -> Driver:
    """The driver of a source; imports none of the original code yet.

    Raises:
        ReleaseError: there is none.
    """
    name = f"{__name__}.{source}"
    try:
        return cast(Driver, importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ReleaseError(f"the original code of source {source!r} has no driver here") from error


def import_original(module: str, folder: Path) -> ModuleType:
    """Imports a module of the original code.

    Args:
        module: its dotted name.
        folder: folder of a checkout that holds it; goes to the front of `sys.path`, where it stays.

    Raises:
        ReleaseError: the module came from somewhere else, as from an installed package of that name.
    """
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    imported = importlib.import_module(module)
    # A folder without an __init__.py has no file.
    places = [imported.__file__] if imported.__file__ else list(imported.__path__)
    if not all(place and Path(place).resolve().is_relative_to(folder.resolve()) for place in places):
        raise ReleaseError(
            f"{module} was to come from the checkout {folder}, but came from {', '.join(map(str, places))}"
        )
    return imported


def answering(module: torch.nn.Module, answer: Callable[[Any], torch.Tensor]) -> torch.nn.Module:
    """The module itself, which from now on gives `answer` of what its release's `forward` returns.

    For a release that returns more than logits, or in another shape. The state's names stay as they are.
    """
    released = type(module)

    def forward(self: Any, images: Any) -> Any:
        return answer(released.forward(self, images))

    module.__class__ = type(released.__name__, (released,), {"forward": forward})
    return module
