"""First figures early: the cheapest models are converted and measured while most of the others still wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from harness.artifacts.request import ArtifactRequest
from harness.records.series import Series
from harness.runs.request import RunRequest

FIRST_PART = 2
"""Models before the first figures."""
GROWTH = 4
"""Each further part has this many times as many models as the one before."""
LEAST_MODELS = 12
"""A run of fewer models is converted as a whole."""


def parts(request: RunRequest) -> list[RunRequest]:
    """The request in parts, the cheapest models first, which are converted and measured one after the other.

    Nothing is converted while something is measured, so each part ends with idle processors: few parts, of models that
    take about as long as each other, cost little.

    Args:
        request: what to measure; a bundle is one part, and so are few models.

    Returns:
        One part or more, which hold each model once. The last has what is in no model's card, too: user networks and
        files.
    """
    if request.wanted.artifacts:
        return [request]
    cards = sorted(request.wanted.cards(), key=lambda card: (card.macs, card.name))
    if len(cards) < LEAST_MODELS:
        return [request]
    names, found, size = [card.name for card in cards], [], FIRST_PART
    while len(names) >= 2 * size:
        zoos_alone = dataclasses.replace(request.wanted, models=tuple(names[:size]), own_models=(), onnx_files=())
        found.append(dataclasses.replace(request, wanted=zoos_alone))
        names, size = names[size:], size * GROWTH
    return [*found, dataclasses.replace(request, wanted=dataclasses.replace(request.wanted, models=tuple(names)))]


def in_order(series: list[Series], request: RunRequest) -> list[Series]:
    """The series of all parts as if the request had been converted as a whole."""
    models = {card.name: place for place, card in enumerate(request.wanted.cards())}
    return sorted(series, key=lambda one: (_place(one, request.requests), models.get(one.model, len(models))))


def _place(series: Series, requests: Sequence[ArtifactRequest]) -> int:
    """Place of the request of a series, which has its precision, or, if none has, whose files have their own."""
    here = [place for place, one in enumerate(requests) if (one.backend, one.graph) == (series.backend, series.graph)]
    return next((place for place in here if requests[place].precision == series.precision), here[0])
