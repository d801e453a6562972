"""The one grammar of `--models`: names, globs, sources and suites, whatever the case, with commas between them."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
from collections.abc import Iterable, Sequence

ALL = "all"
SUITES = (ALL, "mobile", "smoke")
"""Named selections; `zoo.selection` has their rules."""

_NAMED_MAX = 5
_CUTOFF = 0.5
_GROUP_CUTOFF = 0.8
"""Least likeness of names of models, and of the short ones of sources and suites, as `difflib` has it."""


class SelectionError(LookupError):
    """A pattern selects nothing; the message offers the nearest names."""


@dataclasses.dataclass(frozen=True)
class Selectable:
    """A model as a pattern sees it."""

    name: str
    """Full name, `<source>/<variant>`."""
    suites: frozenset[str] | None = None
    """Names of the suites that it is in; None where that is not known."""

    @property
    def source(self) -> str:
        """First half of the name."""
        return self.name.partition("/")[0]

    @property
    def variant(self) -> str:
        """Second half of the name."""
        return self.name.partition("/")[2]


def parts(patterns: str | Iterable[str]) -> list[str]:
    """The single patterns; one text may hold several, separated by commas, and empty ones are dropped."""
    texts = [patterns] if isinstance(patterns, str) else patterns
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def names_suite(patterns: Iterable[str]) -> bool:
    """Whether a suite is among the patterns whose models have to be known."""
    return any(pattern.lower() in SUITES and pattern.lower() != ALL for pattern in parts(patterns))


def means(pattern: str, model: Selectable) -> bool:
    """Whether a single pattern selects the model.

    A name is the full one or its second half, and a glob matches either as a whole.
    """
    wanted = pattern.lower()
    if wanted in (ALL, model.source.lower()) or wanted in (model.suites or ()):
        return True
    names = [name.lower() for name in (model.name, model.variant) if name]
    return wanted in names or any(fnmatch.fnmatchcase(name, wanted) for name in names)


def select(
    patterns: str | Iterable[str], models: Sequence[Selectable], *, place: str = "", advice: str = ""
) -> list[str]:
    """Names of the models that any pattern selects, each once, in their order.

    Args:
        patterns: names, globs, sources or suites.
        models: what there is to select from.
        place: where that is, for the message, as in `in this history`.
        advice: what else to do where a pattern selects nothing.

    Raises:
        SelectionError: there is no pattern, or one selects nothing.
    """
    wanted = parts(patterns)
    if not wanted:
        raise SelectionError("; ".join(filter(None, ("no model named", advice, f"`{ALL}` means every model"))))
    chosen: set[str] = set()
    for pattern in wanted:
        found = {model.name for model in models if means(pattern, model)}
        if not found:
            raise SelectionError(_nothing_text(pattern, models, place, advice))
        chosen |= found
    return [name for name in dict.fromkeys(model.name for model in models) if name in chosen]


def _nothing_text(pattern: str, models: Sequence[Selectable], place: str, advice: str) -> str:
    """Why a pattern selects nothing, with what was perhaps meant."""
    where = f" {place}" if place else ""
    names = list(dict.fromkeys(model.name for model in models))
    few = f"it has: {', '.join(names)}" if place and 0 < len(names) <= _NAMED_MAX else ""
    if pattern.lower() in SUITES:
        if all(model.suites is None for model in models):
            said = [f"which models are in the suite {pattern!r} is not known here, without the zoo's catalogue", few]
        else:
            said = [f"no model of the suite {pattern!r}{where}", few]
    elif any(character in pattern for character in "*?["):
        said = [f"no model matches {pattern!r}{where}", "globs match the whole name or its second half", few]
    else:
        near = _near(pattern, models)
        said = [f"unknown model {pattern!r}{where}", f"nearest: {', '.join(near)}" if near else "none is near it"]
        if not near:
            said.append(few)
        if any(pattern.lower() in name.lower() for name in names):
            said.append(f"{f'*{pattern}*'!r} means every name with it")
    return "; ".join(filter(None, (*said, advice)))


def _near(pattern: str, models: Sequence[Selectable]) -> list[str]:
    """A few names that resemble the pattern: models, sources and suites, then models that have it in their name."""
    wanted = pattern.lower()
    names = {name.lower(): model.name for model in models for name in (model.name, model.variant) if name}
    groups = {model.source.lower(): model.source for model in models}
    if any(model.suites is not None for model in models):
        groups |= {suite: suite for suite in SUITES}
    near = [
        found[name]
        for found, cutoff in ((names, _CUTOFF), (groups, _GROUP_CUTOFF))
        for name in difflib.get_close_matches(wanted, list(found), n=_NAMED_MAX, cutoff=cutoff)
    ]
    near += [names[name] for name in names if wanted in name]
    return list(dict.fromkeys(near))[:_NAMED_MAX]
