"""The setup that gates and self-checks share: everything that measuring the next pair needs."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import backends
from harness.backends.device import Device, environment_of
from harness.comparison.builds import build_folders, build_sides
from harness.comparison.duet import Interpreters, measure_duet
from harness.comparison.gate import GateRules, pairs_needed
from harness.comparison.pair import Conditions, Pairing, PairResult, measure_pair
from harness.comparison.pair_journal import PairJournal, series_facts
from harness.comparison.pair_progress import PairProgress
from harness.comparison.pair_rounds import MeasurePair
from harness.errors import ComparisonError
from harness.files.storage import explained
from harness.machine.device_lock import DeviceLock
from harness.machine.environment import Environment
from harness.machine.gpu.settings import GpuSettings
from harness.stats.sign_flip import EXACT_PAIRS, least_p_value
from harness.text.console import say
from harness.timing.settings import TimingSettings


@dataclasses.dataclass(frozen=True)
class PairSettings:
    """How the pairs of a gate or a self-check are measured."""

    backend: str
    threads: int | None
    """Threads of an inference; the number of physical cores if None."""
    timing: TimingSettings
    gpu: GpuSettings
    exclusive: bool
    """Whether to refuse a GPU that other processes use."""
    wait: bool
    """Whether a pair waits for other measurements on its device, rather than refuse to be made beside them."""
    timeout_s: float
    """Time limit of one pair."""
    build_timeout_s: float
    """Time limit of building one engine."""
    cache_dir: Path
    """Where engines are kept."""
    builds: int
    """Builds of each engine, if the runtime builds any; each pair draws one."""
    seed: int | None
    """Seed of order, places and inputs; if None, that of the earlier session, or a new one."""

    def conditions(self) -> Conditions:
        """Opens the device, and returns the conditions that all pairs share.

        Raises:
            HarnessError: the backend cannot run here, or others use a GPU that was requested for exclusive use.
        """
        device = Device.open(self.backend, self.gpu, self.threads, exclusive=self.exclusive, wait=self.wait, say=say)
        return Conditions(self.backend, device.threads, self.timing, self.gpu, self.timeout_s, str(self.cache_dir))


@dataclasses.dataclass(frozen=True)
class GateSession:
    """An open directory of pairs, with all engines built."""

    conditions: Conditions
    journal: PairJournal
    progress: PairProgress
    """Shows every pair; the listener of the gates."""
    folders: Sequence[str]
    """Folders with the builds of the engines."""
    interpreters: Interpreters | None
    """Those of the sides' environments; None if this one's process holds both sides."""
    lock: DeviceLock
    """Held while a pair is timed."""

    def measure(self, slowdown_percent: float = 0.0) -> MeasurePair:
        """Returns a function that measures a pair, or replays it if an earlier session finished it.

        Args:
            slowdown_percent: by how much the candidate is slowed down, to check that this is found.
        """
        measure = _measurer(self.conditions, self.journal.path, self.interpreters, self.folders, slowdown_percent)

        def locked(pairing: Pairing, seed: int, swapped: bool) -> PairResult:
            with self.lock.held():
                return measure(pairing, seed, swapped)

        return self.journal.recording(locked)


@contextlib.contextmanager
def gate_session(
    output: Path,
    facts: Mapping[str, Any],
    pairings: Sequence[Pairing],
    settings: PairSettings,
    conditions: Conditions,
    *,
    interrupted: Callable[[PairProgress], str],
    interpreters: Interpreters | None = None,
    environment: Environment | None = None,
) -> Iterator[GateSession]:
    """Opens or resumes a directory of pairs, and builds the engines that the pairs need.

    An interruption is explained to the user, and so is a directory that had every pair already.

    Args:
        output: the directory.
        facts: whatever else shapes pairs and verdicts; those of a resumed gate must be the same.
        pairings: the series.
        settings: how the pairs are measured.
        conditions: from `settings.conditions`.
        interrupted: the message for the user after an interruption.
        interpreters: those of the sides' environments; None if this one's process holds both sides.
        environment: what the pairs depend on; by default this environment with its runtime.

    Raises:
        ComparisonError: the directory holds the pairs of another gate, an engine cannot be built, or the sides have
            runtimes that cannot be timed together.
        HarnessError: the runtime of a side cannot run here.
        RunLockedError: another process is measuring into the directory.
        StorageError: the directory is damaged, or cannot be written.
    """
    check_backends(conditions, pairings)
    if environment is None:
        environment = environment_of(backends.get(conditions.backend), conditions.gpu, conditions.threads)
    everything = {**facts, **_shared_facts(conditions, settings.builds, pairings, environment)}
    with PairJournal.open(output, everything, settings.seed) as journal:
        folders = build_folders(settings.cache_dir, settings.builds)
        if backends.get(conditions.backend).builds_engines:
            here = Interpreters(Path(sys.executable))
            build_sides(
                pairings, conditions, folders, interpreters=interpreters or here, timeout_s=settings.build_timeout_s
            )
        progress, lock = PairProgress(journal), DeviceLock.of(environment, wait=settings.wait, say=say)
        try:
            yield GateSession(conditions, journal, progress, folders, interpreters, lock)
        except KeyboardInterrupt:
            progress.end()
            say(interrupted(progress))
            raise
        finally:
            progress.end()
            if told := lock.told():
                say(told)
    if not journal.new_count:
        say(
            f"{journal.path} already had all {journal.earlier_count} pairs and nothing was measured; to measure again, "
            "give another --output"
        )


def check_backends(conditions: Conditions, pairings: Sequence[Pairing]) -> None:
    """Refuses runtimes that cannot be timed side by side.

    Raises:
        HarnessError: one cannot run here.
        ComparisonError: one of several runs on a GPU, where latency is another kind of time.
    """
    others = backends_beside(conditions, pairings)
    for name in (conditions.backend, *others) if others else ():
        if backends.usable(name).on_gpu:
            raise ComparisonError(
                f"{name} runs on a GPU, and is timed by the GPU's clock: only runtimes on the processor are compared "
                "with each other. Measure both into one directory: run --backend A,B"
            )


def check_rules(rules: GateRules, series: int) -> None:
    """Refuses a gate that could call nothing.

    Raises:
        ComparisonError: the rules can call nothing; the message says how many pairs it takes.
    """
    if least_p_value(rules.confirm_pairs) <= rules.error_rate / series:
        return
    needed = pairs_needed(series, rules.error_rate)
    if needed is None:
        what_to_do = "no number of pairs can; give a larger --error-rate, or fewer --models"
    elif rules.confirm_pairs < needed:
        what_to_do = f"it takes {needed} or more"
    else:
        enough = f"{needed} to {EXACT_PAIRS}" if needed < EXACT_PAIRS else str(needed)
        what_to_do = f"give {enough}, for which every pattern of signs is counted"
    raise ComparisonError(
        f"--confirm-pairs {rules.confirm_pairs} can call nothing among {series} series at an error rate of "
        f"{rules.error_rate:g}: {what_to_do}"
    )


def _shared_facts(
    conditions: Conditions, builds: int, pairings: Sequence[Pairing], environment: Environment
) -> dict[str, Any]:
    """The facts that shape every pair of a gate or a self-check, for `PairJournal.open`."""
    others = {
        name: environment_of(backends.get(name), conditions.gpu, conditions.threads).environment_id
        for name in backends_beside(conditions, pairings)
    }
    return {
        "conditions": conditions.to_json(),
        "builds": builds,
        "series": series_facts(pairings),
        "environment_id": environment.environment_id,
        "environment": environment.to_json(),
        **({"other_environment_ids": others} if others else {}),
    }


def backends_beside(conditions: Conditions, pairings: Sequence[Pairing]) -> list[str]:
    """The runtimes of sides that have another one than the conditions' own, sorted."""
    named = {side.backend for one in pairings for side in (one.base, one.new)}
    return sorted(named - {"", conditions.backend})


def _measurer(
    conditions: Conditions,
    work_dir: Path,
    interpreters: Interpreters | None,
    folders: Sequence[str],
    slowdown_percent: float,
) -> MeasurePair:
    """Returns a function that measures a pair in one process, or in two of two environments or runtimes."""

    def measure(pairing: Pairing, seed: int, swapped: bool) -> PairResult:
        drawn = dataclasses.replace(conditions, cache_dir=folders[seed % len(folders)])
        # The threads of two runtimes would wait, spin and be placed beside each other in one process.
        if interpreters is not None or pairing.base.backend != pairing.new.backend:
            chosen = interpreters or Interpreters(Path(sys.executable))
            return measure_duet(pairing, drawn, chosen, seed=seed, swapped=swapped)
        with explained(work_dir):
            return measure_pair(
                pairing, drawn, seed=seed, swapped=swapped, work_dir=work_dir, slowdown_percent=slowdown_percent
            )

    return measure
