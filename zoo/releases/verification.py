"""Compares many models with their releases, several at a time; a failure of one affects its own row alone."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from foundation.vocabulary import OWN, RELEASE
from zoo.card import ModelCard
from zoo.errors import MissingSourcesError, ReleaseError
from zoo.releases.checkout import find
from zoo.releases.comparison import ReleaseComparison, compare
from zoo.releases.pins import ReleaseSource, release_source
from zoo.releases.process import Limits, Outcome, run
from zoo.releases.worker import Job

_COMMIT_DIGITS = 10


@dataclasses.dataclass(frozen=True)
class VerificationSettings:
    """How models are compared with their releases."""

    cache_dir: Path | None = None
    """Where the checkouts are; the user's cache if None."""
    operators_by: str = ""
    """See `zoo.releases.facts.gather`."""
    workers: int = 0
    """Models at a time; the number of physical cores if 0."""
    limits: Limits = dataclasses.field(default_factory=Limits)
    """Limits of each worker."""


def _sources(cards: Sequence[ModelCard], cache_dir: Path | None) -> dict[str, ReleaseSource | ReleaseComparison]:
    """Each source of the cards, or the common result of its models' rows; determined once for all of them."""
    found: dict[str, ReleaseSource | ReleaseComparison] = {}
    for name in dict.fromkeys(card.source for card in cards):
        try:
            source = release_source(name)
            for pin in source.pins:
                find(pin, cache_dir)
            found[name] = source
        except MissingSourcesError as error:
            found[name] = ReleaseComparison("", "no_sources", str(error))
        except ReleaseError as error:
            found[name] = ReleaseComparison("", "failed", str(error))
    return found


def _hold(
    card: ModelCard, source: ReleaseSource, settings: VerificationSettings, limits: Limits, stop: threading.Event
) -> ReleaseComparison:
    commits = ", ".join(f"{pin.name}@{pin.commit[:_COMMIT_DIGITS]}" for pin in source.pins)
    cache_dir = str(settings.cache_dir.resolve()) if settings.cache_dir else ""

    def outcome(implementation: str) -> Outcome:
        return run(Job(card.name, implementation, cache_dir, settings.operators_by), limits, stop)

    # The release first: if it does not run, the other is not needed.
    release = outcome(RELEASE)
    own = outcome(OWN) if release.facts is not None else Outcome("failed", "not built")
    return compare(card, own, release, explained=source.operators, commits=commits)


def hold_all(
    cards: Sequence[ModelCard],
    settings: VerificationSettings | None = None,
    check: Callable[..., ReleaseComparison] = _hold,
) -> Iterator[ReleaseComparison]:
    """Compares each model with its release, and yields the comparisons as they finish.

    On an exception in the consumer, Ctrl-C included, running workers are terminated.

    Args:
        cards: the models.
        settings: how to compare them.
        check: compares one model.
    """
    chosen = settings or VerificationSettings()
    workers = chosen.workers or psutil.cpu_count(logical=False) or 1
    limits = chosen.limits.resolved(workers)
    stop = threading.Event()
    sources = _sources(cards, chosen.cache_dir)
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    running: dict[concurrent.futures.Future[ReleaseComparison], ModelCard] = {}
    try:
        for card in cards:
            source = sources[card.source]
            if isinstance(source, ReleaseComparison):
                yield dataclasses.replace(source, model=card.name)
            else:
                running[pool.submit(check, card, source, chosen, limits, stop)] = card
        for done in concurrent.futures.as_completed(running):
            yield _result(done, running[done])
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _result(done: concurrent.futures.Future[ReleaseComparison], card: ModelCard) -> ReleaseComparison:
    try:
        return done.result()
    except Exception as error:
        return ReleaseComparison(card.name, "failed", f"{type(error).__name__}: {error}")
