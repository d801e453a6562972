"""The released weights of a run's models, fetched before anything is converted.

They are fetched in this process, one after another: conversions then start from files, and neither a slow server
nor a lack of network is taken for a slow or a failed conversion.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.progress import Progress
from harness.request import AUTO, PROBE, RELEASED, RunRequest

if TYPE_CHECKING:
    from converters.pool import Conversion
    from converters.request import ConversionRequest
    from zoo.card import ModelCard
    from zoo.checkpoints import FetchedCheckpoint, FetchSettings


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
    """
    wanted = request.conversions()
    if request.weights not in (RELEASED, AUTO):
        return Resolved(wanted)
    from zoo.checkpoints import FetchSettings

    settings = FetchSettings(cache_dir, mirror=request.mirror, lock=request.weights_lock, offline=offline)
    fetched, reasons = _fetched(request.cards(), settings)
    conversions, failed = [], []
    for one in wanted:
        if one.is_own:
            conversions.append(one)
        elif one.model in fetched:
            conversions.append(dataclasses.replace(one, weights=PROBE, released=fetched[one.model]))
        elif request.weights == AUTO:
            conversions.append(dataclasses.replace(one, weights=PROBE, recalibration_images=None))
        else:
            failed.append(_failure(one, *reasons[one.model]))
    if request.weights == AUTO and reasons:
        say(_summary(reasons, len(fetched) + len(reasons)))
    return Resolved(conversions, failed)


def _fetched(
    cards: list[ModelCard], settings: FetchSettings
) -> tuple[dict[str, FetchedCheckpoint], dict[str, tuple[str, str]]]:
    """By model: the checkpoints that can be had, and status and reason of the others."""
    from zoo.checkpoints import UnreachableError, fetch
    from zoo.errors import WeightsError

    fetched: dict[str, FetchedCheckpoint] = {}
    reasons: dict[str, tuple[str, str]] = {}
    silent: dict[str, str] = {}
    with Progress("fetch", len(cards)) as progress:
        for card in cards:
            if not card.checkpoint.url:
                reasons[card.name] = "unsupported", f"no checkpoint of {card.name} was ever published"
                progress.step(reasons[card.name][1])
                continue
            # A host that did not answer once is not waited for again; the cache may hold the file.
            host = next((host for host in _hosts(card, settings) if host in silent), None)
            chosen = dataclasses.replace(settings, offline=True) if host else settings
            try:
                fetched[card.name] = fetch(card, chosen)
            except WeightsError as error:
                if isinstance(error, UnreachableError):
                    silent.setdefault(error.host, str(error))
                reasons[card.name] = "failed", silent[host] if host else str(error)
            problem = reasons.get(card.name)
            progress.step(f"{card.name}: {problem[1] if problem else 'at hand'}", problem=problem is not None)
    return fetched, reasons


def _hosts(card: ModelCard, settings: FetchSettings) -> tuple[str, ...]:
    """The hosts that a card's file may come from."""
    return tuple(urlsplit(url).hostname or "" for url in (settings.chosen_mirror, card.checkpoint.url) if url)


def _failure(request: ConversionRequest, status: str, reason: str) -> Conversion:
    from converters.pool import Conversion

    return Conversion(request, status, f"{reason}; --weights auto takes the probe's where there are no others")


def _summary(reasons: dict[str, tuple[str, str]], count: int) -> str:
    """One line for however many models."""
    unpublished = sum(status == "unsupported" for status, _ in reasons.values())
    told = collections.Counter(reason for status, reason in reasons.values() if status != "unsupported")
    parts = [f"{unpublished} were never published"] if unpublished else []
    if told:
        first, _ = told.most_common(1)[0]
        parts.append(f"{told.total()} cannot be had, as: {first}")
    return f"warning: {len(reasons)} of {count} models get the probe's seeded weights: {'; '.join(parts)}"
