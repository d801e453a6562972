"""Settings of a trial's warm-up and measurement."""

from __future__ import annotations

import dataclasses
from typing import Any

_GROUPS_KEY = "block_pairs"


@dataclasses.dataclass(frozen=True)
class TimingSettings:
    """How long a trial warms up and measures, the same for every model.

    A group is four blocks in the order measured, reference, reference, measured ("ABBA"), so that a
    linear drift of the machine's speed cancels in the group's ratio. The values come from the calculations and
    experiments in `docs/measuring.md`.
    """

    warmup_s: float = 0.2
    """Seconds each of the two sessions runs before anything is timed, unless less is enough (`Backend.warmup_s`)."""
    warmup_min_runs: int = 2
    """Minimum number of inferences of each session before anything is timed, the first one included."""
    block_ms: float = 40.0
    """Target length of one block; a slower network's block is one inference."""
    settle_ms: float = 10.0
    """Time of untimed inferences after each switch of sessions, when the caches hold the other session's data."""
    groups: int = 3
    """Uncontaminated ABBA groups required."""
    max_repeats: int = 2
    """Maximum number of contaminated groups that one trial repeats."""
    foreign_cpu_limit: float = 0.3
    """Cores that other processes may use during a group before it counts as contaminated."""

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object, in which `groups` keeps the key that it has had since the first version."""
        return {_GROUPS_KEY if name == "groups" else name: value for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TimingSettings:
        """The settings read back."""
        return cls(**{"groups" if name == _GROUPS_KEY else name: value for name, value in data.items()})
