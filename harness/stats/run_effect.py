"""The difference between two runs that no trial of either shows: the state of the machine."""

from __future__ import annotations

SHARE_OF_REFERENCE = 0.5
"""Standard deviation of the change of a series' ratio, as a share of the change of the reference network's time.

Measured on the machine of `docs/evidence.md`: when a machine becomes slower, some networks slow down by more and some
by less than the reference network, so that their ratios to it change.
"""


def run_effect_sd(reference_shift: float) -> float:
    """Standard deviation of the change of a series from one run to the other that the machine alone causes.

    The trials of a run are minutes apart and share clock, neighbours and load; those of another run share different
    ones. So the trials do not show this effect, however many there are.

    Args:
        reference_shift: logarithm of the reference network's time in the candidate's run over the baseline's.
    """
    return SHARE_OF_REFERENCE * abs(reference_shift)
