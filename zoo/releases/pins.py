"""Which repositories the original releases are in, at which commits; read from `sources.toml`."""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from zoo.errors import CatalogError, ReleaseError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclasses.dataclass(frozen=True)
class Pin:
    """One commit of one repository."""

    name: str
    """Short name by which drivers know the checkout."""
    repository: str
    """URL that git clones from, `url.<base>.insteadOf` permitting."""
    commit: str
    """All forty digits of its id."""
    folders: tuple[str, ...]
    """The folders that are needed, with `/` between parts; the whole tree if empty."""

    @property
    def folder_name(self) -> str:
        """Name of the checkout's folder in the cache."""
        return f"{self.name}@{self.commit}"


@dataclasses.dataclass(frozen=True)
class ExplainedOperators:
    """Operators whose number may differ between the exports of the two implementations, and why."""

    types: tuple[str, ...]
    because: str


@dataclasses.dataclass(frozen=True)
class ReleaseSource:
    """What the original code of one source needs."""

    source: str
    pins: tuple[Pin, ...]
    environment: Mapping[str, str]
    """Variables that are set before its code, or a framework, is imported."""
    operators: tuple[ExplainedOperators, ...]


def _pin(name: str, facts: Mapping[str, Any]) -> Pin:
    try:
        pin = Pin(name, str(facts["repository"]), str(facts["commit"]), tuple(facts["folders"]))
    except (KeyError, TypeError) as error:
        raise CatalogError(f"sources.toml, checkout {name}: needs repository, commit and folders ({error})") from error
    if not re.fullmatch(r"[0-9a-f]{40}", pin.commit):
        raise CatalogError(f"sources.toml, checkout {name}: {pin.commit!r} is not a full commit id")
    return pin


def read_sources(text: str) -> dict[str, ReleaseSource]:
    """The sources in a TOML text by name.

    Raises:
        CatalogError: the text is not TOML, lacks a fact, or does not describe a checkout.
    """
    try:
        data = tomllib.loads(text)
        pins = {name: _pin(name, facts) for name, facts in data["checkouts"].items()}
        return {
            name: ReleaseSource(
                name,
                tuple(pins[checkout] for checkout in facts["checkouts"]),
                dict(facts.get("environment", {})),
                tuple(ExplainedOperators(tuple(e["types"]), e["because"]) for e in facts.get("operators", ())),
            )
            for name, facts in data["sources"].items()
        }
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise CatalogError(f"sources.toml: {type(error).__name__}: {error}") from error


@functools.cache
def all_sources() -> Mapping[str, ReleaseSource]:
    """Every source whose original code is available, by name."""
    return read_sources((resources.files("zoo.releases") / "sources.toml").read_text("utf-8"))


def release_source(name: str) -> ReleaseSource:
    """What the original code of a source needs.

    Raises:
        ReleaseError: there is no such source; the message lists the known ones.
    """
    sources = all_sources()
    if name not in sources:
        raise ReleaseError(f"no original code is known for source {name!r}; known: {', '.join(sources)}")
    return sources[name]


def pins_of(sources: Sequence[str]) -> list[Pin]:
    """The pins of some sources, or of all if none is given, each once.

    Raises:
        ReleaseError: a source does not exist.
    """
    chosen = sources or tuple(all_sources())
    return list(dict.fromkeys(pin for name in chosen for pin in release_source(name).pins))
