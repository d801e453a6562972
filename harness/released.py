"""The released weights of a run's models, fetched before anything is converted.

They are fetched in this process, one after another: conversions then start from files, and neither a slow server
nor a lack of network is taken for a slow or a failed conversion.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.progress import Progress
from harness.request import AUTO, PROBE, RELEASED, RunRequest

if TYPE_CHECKING:
    from converters.pool import Conversion
    from converters.request import ConversionRequest
    from zoo.checkpoints.batch import Outcome


@dataclasses.dataclass(frozen=True)
class Resolved:
    """The conversions of a run, each with its weights at hand."""

    conversions: list[ConversionRequest]
    failed: list[Conversion] = dataclasses.field(default_factory=list)
    """Those whose released weights cannot be had, with status and reason."""


def with_weights(request: RunRequest, cache_dir: Path, say: Callable[[str], None], *, offline: bool = False) -> Resolved:
    """What has to be converted, released weights fetched where they are asked for.

    Args:
        request: the run.
        cache_dir: the project's cache directory, in which checkpoints lie too.
        say: is told, in one line, how many models get the probe's weights instead (`auto`).
        offline: whether to look at what is in the cache alone.

    Raises:
        HarnessError: a package that fetches is not installed.
    """
    wanted = request.conversions()
    if request.weights not in (RELEASED, AUTO):
        return Resolved(wanted)
    found = {outcome.card.name: outcome for outcome in _fetched(request, cache_dir, offline)}
    missing = [outcome for outcome in found.values() if outcome.fetched is None]
    if request.weights == AUTO and missing:
        say(_summary(missing, len(found)))
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


def _fetched(request: RunRequest, cache_dir: Path, offline: bool) -> list[Outcome]:
    """What became of each model's checkpoint, in the catalogue's order.

    Raises:
        HarnessError: see `with_weights`.
    """
    try:
        from zoo.checkpoints import FetchSettings
        from zoo.checkpoints.batch import fetch_many
        from zoo.checkpoints.progress import listener_for

        cards = request.cards()
        listener = listener_for(sys.stderr)
        settings = FetchSettings(cache_dir, request.mirror, request.weights_lock, offline, listener)
        outcomes = []
        with Progress("weights", len(cards)) as progress:
            for outcome in fetch_many(cards, settings):
                outcomes.append(outcome)
                progress.step(f"{outcome.card.name}: {_told(outcome)}", problem=outcome.fetched is None)
    except ModuleNotFoundError as error:
        raise HarnessError(
            f"--weights {request.weights} needs {error.name}, which is not installed here: "
            "pip install 'baseline-zoo[weights]'"
        ) from error
    return outcomes


def _told(outcome: Outcome) -> str:
    if outcome.fetched:
        return "in the cache" if outcome.was_cached else "fetched"
    return outcome.problem or "none was published"


def _failure(request: ConversionRequest, outcome: Outcome) -> Conversion:
    from converters.pool import Conversion

    if outcome.published:
        return Conversion(request, "failed", outcome.problem)
    reason = f"no checkpoint of {outcome.card.name} was ever published; --weights auto takes the probe's for it"
    return Conversion(request, "unsupported", reason)


def _summary(missing: Sequence[Outcome], count: int) -> str:
    """One line for however many models."""
    problems = [outcome.problem for outcome in missing if outcome.published]
    parts = [f"{len(missing) - len(problems)} were never published"] if len(problems) < len(missing) else []
    if problems:
        parts.append(f"{len(problems)} cannot be had, the first because: {problems[0]}")
    return f"warning: {len(missing)} of {count} models get the probe's seeded weights: {'; '.join(parts)}"
