"""Which suites of the zoo models are in, where nobody recorded it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from foundation.selection import Selectable, names_suite


def with_suites(models: Sequence[Selectable], patterns: Iterable[str]) -> list[Selectable]:
    """The models, with the suites of those whose suites are not known where the patterns ask for one.

    A bundle records the suites of its models. Of others the zoo's catalogue says it; on a machine that only measures
    there is none, and their suites stay unknown.
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
