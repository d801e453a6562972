"""Which versions are compared on which series: neighbours, and the oldest with the newest."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.comparison.pair import Pairing


@dataclasses.dataclass(frozen=True)
class SweptVersion:
    """A version that is installed in an environment."""

    package: str
    name: str
    """As in `1.30.0`."""
    python: Path
    packages: Mapping[str, str]
    """The versions in its environment that a latency may depend on."""

    @property
    def packaged(self) -> str:
        """The package and its version."""
        return f"{self.package} {self.name}"


@dataclasses.dataclass(frozen=True)
class Step:
    """Two versions, and the series on which they are compared: one gate."""

    older: str
    newer: str
    series: tuple[Pairing, ...]


def compared(versions: Sequence[str]) -> list[tuple[str, str]]:
    """Every two versions that are compared on a series: neighbours and, of more than two, the oldest and the newest.

    The last is what several changes, each too small to be seen, add up to.

    Args:
        versions: those that can measure the series, in ascending order.
    """
    neighbours = list(itertools.pairwise(versions))
    return neighbours if len(versions) < 3 else [*neighbours, (versions[0], versions[-1])]


def steps(
    versions: Sequence[str], series: Sequence[Pairing], unreadable: Collection[tuple[str, Pairing]]
) -> list[Step]:
    """The gates of a sweep: neighbours first, from old to new. A series is compared across a version that cannot.

    Args:
        versions: those that are installed, in ascending order.
        series: the series.
        unreadable: versions with the series that they cannot measure.
    """
    members: dict[tuple[str, str], list[Pairing]] = {}
    for one in series:
        able = [version for version in versions if (version, one) not in unreadable]
        for pair in compared(able):
            members.setdefault(pair, []).append(one)
    place = {version: position for position, version in enumerate(versions)}
    order = sorted(members, key=lambda pair: (place[pair[1]] - place[pair[0]], place[pair[0]]))
    return [Step(older, newer, tuple(members[older, newer])) for older, newer in order]


def error_rates(planned: Sequence[Step], error_rate: float) -> list[float]:
    """The error rate of each gate: every comparison of a series gets the same share, and the shares add up.

    Args:
        planned: the gates.
        error_rate: probability of any false alarm in the whole sweep.
    """
    share = error_rate / max(1, sum(len(step.series) for step in planned))
    return [share * len(step.series) for step in planned]
