"""Which runs have fewer rounds than were asked for: after an interruption, or with a budget that was spent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foundation.wording import counted, listed
from harness.merging.run_parts import RunPart
from harness.processes.trial import TrialResult
from harness.runs.plan import settled


def told_of_missing_rounds(parts: Sequence[RunPart]) -> Iterator[str]:
    """A sentence for each run of which a series has fewer rounds than the most that any of the runs was asked for.

    A series that would not be measured in another round counts as complete: see `harness.runs.plan.settled`. A run does
    not record why it ended, so an interruption and a spent budget look alike.

    Args:
        parts: the runs; those without a trial are evaluations of images.
    """
    timed = [part for part in parts if part.trials]
    asked = max((part.info.settings["rounds"] for part in timed), default=0)
    for part in timed:
        lacking = {part.series[key].model: made for key, made in _rounds_made(part).items() if made < asked}
        if lacking:
            yield (
                f"{part.directory} has {min(lacking.values())} of {counted(asked, 'round')} of {listed(lacking)}: it "
                "was interrupted, its budget was spent, or fewer were asked for. The whole has these trials alone; "
                "repeat the command there and merge again, or continue the whole"
            )


def _rounds_made(part: RunPart) -> dict[str, int]:
    """The number of trials of each series that another round would measure, by its key."""
    trials: dict[str, list[TrialResult]] = {}
    for trial in part.trials:
        trials.setdefault(trial["series"], []).append(TrialResult.from_json(trial["result"]))
    half_width_percent = part.info.settings["half_width_percent"]
    return {key: len(made) for key, made in trials.items() if not settled(made, half_width_percent)}
