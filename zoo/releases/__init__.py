"""The original code of the releases: checked out at pinned commits, and compared with this project's definitions.

from zoo import releases
releases.fetch(["gpunet"])                  # git clones what is missing into the cache
releases.build(card)                        # the network of the original code; only in an isolated process
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.vocabulary import RELEASE

if TYPE_CHECKING:
    from zoo.card import ModelCard
    from zoo.native import NativeModel

__all__ = ["build", "fetch"]


def fetch(sources: Sequence[str] = (), cache_dir: Path | None = None) -> list[Path]:
    """Checks out the missing repositories of the sources, and returns all their folders.

    Args:
        sources: names of sources; all of them if none is given.
        cache_dir: the cache; the user's by default.

    Raises:
        ReleaseError: git is missing, or a repository cannot be fetched; the message names it, its URL and the
            next step.
    """
    from zoo.releases.checkout import check_out
    from zoo.releases.pins import pins_of

    return [check_out(pin, cache_dir) for pin in pins_of(sources)]


def build(card: ModelCard, cache_dir: Path | None = None) -> NativeModel:
    """Builds the network of a card with the original code; its weights are not yet set.

    Cuts this process off from the network, puts shims into it and the original code onto its path: call it in a
    process of its own.

    Raises:
        MissingSourcesError: a checkout is missing; the message names the command that fetches it.
        ReleaseError: a checkout is not the pinned commit, or its code has no such model.
        MissingPackageError: its code needs a package that is not installed.
    """
    from zoo.errors import MissingPackageError
    from zoo.releases.checkout import find
    from zoo.releases.drivers import driver
    from zoo.releases.isolation import isolate
    from zoo.releases.pins import release_source

    source = release_source(card.source)
    checkouts = {pin.name: find(pin, cache_dir) for pin in source.pins}
    isolate(source, tuple(checkouts.values()))
    try:
        native = driver(card.source).build(card, checkouts)
    except ImportError as error:
        raise MissingPackageError(
            f"the original code of {card.name} needs a package that cannot be imported here ({error}); "
            "install what the releases need with: pip install 'baseline-zoo[releases]'"
        ) from error
    native.implementation = RELEASE
    return native
