"""What a reader of a row should know of the conditions that its trials met, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from foundation.wording import sentences
from harness.processes.trial import TrialResult

SUBNORMAL_LEAST_PERCENT = 0.01
"""Share of subnormal numbers from which on a row says so.

A processor that leaves them to microcode takes some 150 cycles for an instruction that otherwise takes half a cycle,
and an instruction has up to 16 numbers: with 0.01 % of them it would take half as long again.
"""


def trial_warnings(trials: Sequence[TrialResult]) -> str:
    """The sentences on these trials, oldest first; empty if there is nothing to say."""
    return sentences(filter(None, (_subnormals(trials), _quota(trials))))


def _subnormals(trials: Sequence[TrialResult]) -> str:
    counted = [trial for trial in trials if trial.subnormal_weights_percent is not None]
    if not counted:
        return ""
    newest = counted[-1]
    shares = {"weights": newest.subnormal_weights_percent, "activations": newest.subnormal_activations_percent}
    told = [
        f"{_percent(share)} of the {what}"
        for what, share in shares.items()
        if share is not None and share >= SUBNORMAL_LEAST_PERCENT
    ]
    if not told:
        return ""
    return (
        f"{' and '.join(told)} are subnormal float32 numbers (below 1.2e-38), which many processors compute many times "
        "slower than others: set such weights to 0 before the export, and have the application take subnormal numbers "
        "for 0 (session.set_denormal_as_zero in ONNX Runtime, torch.set_flush_denormal in PyTorch)"
    )


def _percent(share: float) -> str:
    return f"{share:.2g} %" if share < 10 else f"{share:.0f} %"


def _quota(trials: Sequence[TrialResult]) -> str:
    periods = sum(trial.quota_periods_count or 0 for trial in trials)
    throttled = sum(trial.quota_throttled_periods_count or 0 for trial in trials)
    if not throttled:
        return ""
    return (
        f"the quota of the control group was spent in {throttled:,} of the {periods:,} periods in which blocks were "
        "timed, and the kernel paused inferences midway: raise the quota (docker run --cpus), or use fewer --threads"
    )
