"""What two runs differ by that no trial of either shows: the state that the machine was in."""

from __future__ import annotations

SHARE_OF_REFERENCE = 0.5
"""Standard deviation of the change of a series' ratio, as a share of the change of the reference network's time.

Measured where it was made (`docs/evidence.md`): a machine that gets slower slows some networks by more and some by
less than the reference network, whose ratio to it then moves.
"""


def run_effect_sd(reference_shift: float) -> float:
    """Standard deviation of the change that the machine alone gives a series from one run to the other.

    The trials of a run are minutes apart and share the clock, the neighbours and their load; those of another run share
    others. So the trials do not show it, however many there are.

    Args:
        reference_shift: logarithm of the reference network's time in the candidate's run over the baseline's.
    """
    return SHARE_OF_REFERENCE * abs(reference_shift)
