"""The released weights of a run's models, fetched before anything is converted.

They are fetched in this process, one after another: conversions then start from files, and neither a slow server
nor a missing network connection counts as a slow or failed conversion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.vocabulary import AUTO, PROBE, RELEASED
from harness.artifacts.request import ArtifactRequest
from harness.errors import HarnessError
from harness.text.notes import notes_stream

if TYPE_CHECKING:
    from converters.pool import Conversion
    from converters.request import ConversionRequest
    from zoo.checkpoints.batch import Outcome


@dataclasses.dataclass(frozen=True)
class Resolved:
    """The conversions of a run, each with its weights available."""

    conversions: list[ConversionRequest]
    failed: list[Conversion] = dataclasses.field(default_factory=list)
    """Those whose released weights are not available, with status and reason."""


def with_weights(
    request: ArtifactRequest, cache_dir: Path, say: Callable[[str], None], *, offline: bool = False
) -> Resolved:
    """The conversions of a run, with released weights fetched if they are requested.

    Args:
        request: the run.
        cache_dir: the project's cache directory, which contains the checkpoints too.
        say: prints one line on how many models have no released weights.
        offline: whether to use only what is in the cache.

    Raises:
        HarnessError: a package needed for fetching is not installed.
    """
    wanted = request.conversions()
    if request.weights not in (RELEASED, AUTO) or not request.models:
        return Resolved(wanted)
    found = {outcome.card.name: outcome for outcome in _fetched(request, cache_dir, offline)}
    say(_summary(list(found.values()), falls_back=request.weights == AUTO))
    conversions, failed = [], []
    for one in wanted:
        outcome = found.get(one.model)
        if outcome is None:
            conversions.append(one)
        elif outcome.fetched:
            conversions.append(dataclasses.replace(one, weights=PROBE, released=outcome.fetched))
        elif request.weights == AUTO:
            conversions.append(dataclasses.replace(one, weights=PROBE, recalibration_images=None))
        else:
            failed.append(_failure(one, outcome))
    return Resolved(conversions, failed)


def _fetched(request: ArtifactRequest, cache_dir: Path, offline: bool) -> list[Outcome]:
    """The outcome for each model's checkpoint, in catalogue order.

    Raises:
        HarnessError: see `with_weights`.
    """
    try:
        from zoo.checkpoints import FetchSettings
        from zoo.checkpoints.batch import fetch_many
        from zoo.checkpoints.progress import listener_for

        cards = request.cards()
        listener = listener_for(notes_stream())
        settings = FetchSettings(cache_dir, request.mirror, request.weights_lock, offline, listener)
        outcomes = []
        for outcome in fetch_many(cards, settings):
            outcomes.append(outcome)
            if outcome.published and outcome.fetched is None and request.weights == RELEASED:
                listener.note(f"{outcome.card.name}: {outcome.problem}")
    except ModuleNotFoundError as error:
        raise HarnessError(
            f"--weights {request.weights} needs {error.name}, which is not installed here: "
            "pip install 'baseline-zoo[weights]'"
        ) from error
    return outcomes


def _failure(request: ConversionRequest, outcome: Outcome) -> Conversion:
    from converters.pool import Conversion

    if outcome.published:
        return Conversion(request, "failed", outcome.problem)
    reason = f"no checkpoint of {outcome.card.name} was ever published; --weights auto uses the probe weights for it"
    return Conversion(request, "unsupported", reason)


def _summary(outcomes: Sequence[Outcome], *, falls_back: bool) -> str:
    """One line for any number of models."""
    missing = [outcome for outcome in outcomes if outcome.fetched is None]
    if not missing:
        return f"weights: the released ones of all {len(outcomes)} models are available"
    problems = [outcome.problem for outcome in missing if outcome.published]
    parts = [f"{len(missing) - len(problems)} were never published"] if len(problems) < len(missing) else []
    if problems:
        parts.append(f"{len(problems)} are not available, the first because: {problems[0]}")
    what = "get the probe's seeded weights" if falls_back else "have no weights"
    return f"warning: {len(missing)} of {len(outcomes)} models {what}: {'; '.join(parts)}"
