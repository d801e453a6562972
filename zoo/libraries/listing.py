"""Reads the cards of a library's networks, here or in a process of its own: `python -m zoo.libraries.listing`.

Importing a library brings PyTorch into the process, hundreds of MiB that a process which only measures does not need.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from foundation.selection import ALL, Selectable, SelectionError, select
from zoo.card import Checkpoint, ModelCard, Published, Release, Training
from zoo.catalog.reader import preprocessing_of
from zoo.errors import MissingPackageError, UnknownModelError, ZooError

MODULES = {"timm": "zoo.libraries.timm_networks", "torchvision": "zoo.libraries.torchvision_networks"}
"""The module that knows each library; importing it imports the library."""

_EXTRAS = {"timm": "timm", "torchvision": "torch"}
_TIMEOUT_S = 300.0
_LOG_TAIL_CHARACTERS = 600
_ERRORS: dict[str, type[ZooError]] = {kind.__name__: kind for kind in (MissingPackageError, UnknownModelError)}


class Library(Protocol):
    """What the module of a library offers."""

    def names(self, *, tagged: bool) -> list[str]:
        """Names of all networks: plain ones, or one with a tag for each of their published weights."""
        ...

    def card(self, name: str) -> ModelCard:
        """The card of one network."""
        ...

    def build(self, card: ModelCard, state: Mapping[str, Any] | None = None) -> Any:
        """The network as a `torch.nn.Module`, loaded with a released state if one is given.

        Raises:
            RuntimeError, LookupError: the state is not one of this network.
        """
        ...


def library(source: str) -> Library:
    """The module of a library.

    Raises:
        MissingPackageError: the library is not installed.
    """
    try:
        return cast(Library, importlib.import_module(MODULES[source]))
    except ImportError as error:
        raise MissingPackageError(
            f"the networks of {source} need that package, which does not import here ({error}); "
            f"install it with: pip install 'baseline-zoo[{_EXTRAS[source]}]'"
        ) from error


def selected(source: str, patterns: Sequence[str]) -> list[ModelCard]:
    """The cards that patterns select, read in this process.

    Args:
        source: a key of `MODULES`.
        patterns: `zoo.libraries.cards` explains them.

    Raises:
        UnknownModelError: a pattern selects nothing.
        MissingPackageError: the library is not installed.
    """
    module = library(source)
    own_names = [pattern.partition("/")[2] or ALL for pattern in patterns]
    advice = f"`python -m harness list --{source} '*'` shows all names"
    chosen: list[str] = []
    for tagged in (False, True):
        wanted = [pattern for pattern in own_names if ("." in pattern) == tagged]
        if not wanted:
            continue
        names = [Selectable(name, suites=frozenset()) for name in module.names(tagged=tagged)]
        try:
            chosen += select(wanted, names, place=f"in {source}", advice=advice)
        except SelectionError as error:
            raise UnknownModelError(str(error)) from error
    return [module.card(name) for name in chosen]


def selected_elsewhere(source: str, patterns: Sequence[str]) -> list[ModelCard]:
    """The same as `selected`, read in a process of its own.

    Raises:
        UnknownModelError, MissingPackageError: see `selected`.
        ZooError: the process left no answer.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__, source, *patterns],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    except subprocess.TimeoutExpired as error:
        raise ZooError(f"reading the names of {source}'s networks took more than {_TIMEOUT_S:.0f} s") from error
    try:
        answer = json.loads(ended.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        tail = (ended.stdout + ended.stderr)[-_LOG_TAIL_CHARACTERS:].strip()
        raise ZooError(f"the names of {source}'s networks cannot be read here: {tail}") from error
    if "error" in answer:
        raise _ERRORS[answer["error"]](answer["message"])
    return [_card(facts) for facts in answer["cards"]]


def _card(facts: Mapping[str, Any]) -> ModelCard:
    """A card from its JSON."""
    checkpoint: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts["checkpoint"].items()
    }
    parts: dict[str, Any] = {
        "release": Release(**facts["release"]),
        "preprocessing": preprocessing_of(facts["preprocessing"], ""),
        "published": Published(**facts["published"]),
        "checkpoint": Checkpoint(**checkpoint),
        "training": Training(**facts["training"]),
        # No library states any.
        "latencies": (),
    }
    return ModelCard(**{**facts, **parts})


def _main(source: str, patterns: Sequence[str]) -> None:
    """Prints the cards, or why there are none, as the last line."""
    answer: dict[str, Any]
    try:
        answer = {"cards": [card.to_json() for card in selected(source, patterns)]}
    except (UnknownModelError, MissingPackageError) as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(f"\n{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
