"""One module a source: from a card to the native model.

An adapter is a module with `EXTRA`, the extra of this project that installs what it needs, and
`build(card)`, which returns a `zoo.native.NativeModel` without touching the network. A package may
add sources of its own through the entry point group `baseline_zoo.sources`.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import Protocol, cast

from zoo.card import ModelCard
from zoo.errors import MissingPackageError, ZooError
from zoo.native import NativeModel

ENTRY_POINTS = "baseline_zoo.sources"


class Adapter(Protocol):
    """What a source's module offers."""

    EXTRA: str

    def build(self, card: ModelCard) -> NativeModel:
        """The network of `card`, its weights not yet set."""
        ...


_SOURCES = ("alphanet", "efficientnet", "efficientnet_x", "fbnet", "gpunet", "lanet", "ofa", "regnet", "resnest")
_BUILT_IN = {name: f"zoo.adapters.{name}" for name in _SOURCES}


def _modules() -> dict[str, str]:
    modules = dict(_BUILT_IN)
    for entry in metadata.entry_points(group=ENTRY_POINTS):
        if entry.name in modules:
            raise ZooError(f"source {entry.name!r} is registered twice: {modules[entry.name]} and {entry.value}")
        modules[entry.name] = entry.value
    return modules


def adapter(source: str) -> Adapter:
    """The adapter of `source`; imports no framework yet.

    Raises:
        ZooError: no adapter of that name.
    """
    modules = _modules()
    if source not in modules:
        raise ZooError(f"no adapter for source {source!r}; known: {', '.join(sorted(modules))}")
    return cast(Adapter, importlib.import_module(modules[source]))


def build(card: ModelCard) -> NativeModel:
    """The network of `card`, its weights not yet set.

    Raises:
        MissingPackageError: the source's package is not installed; names the extra that holds it.
    """
    chosen = adapter(card.source)
    try:
        return chosen.build(card)
    except ImportError as error:
        # A source without a package is this project's own definition, which needs the framework alone.
        needed = card.release.package or card.release.framework
        raise MissingPackageError(
            f"the networks of {card.source} need {needed}, which does not import here ({error}); "
            f"install it with: pip install 'baseline-zoo[{chosen.EXTRA}]'"
        ) from error
