"""Which suites of the zoo models are in, if that was not recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from foundation.selection import Selectable, names_suite


def with_suites(models: Sequence[Selectable], patterns: Iterable[str]) -> list[Selectable]:
    """The models, with unknown suites looked up if the patterns name one.

    A bundle records the suites of its models. For others the zoo's catalogue has them; a machine that only measures
    has no catalogue, and their suites stay unknown.
    """
    if not names_suite(patterns) or all(model.suites is not None for model in models):
        return list(models)
    try:
        from zoo.catalog.reader import all_cards
        from zoo.selection import suites_of
    except ModuleNotFoundError:
        return list(models)
    cards = all_cards()
    return [
        model
        if model.suites is not None
        else dataclasses.replace(model, suites=frozenset(suites_of(model.name, cards)))
        for model in models
    ]
