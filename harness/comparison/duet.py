"""A pair whose sides need two Python environments: two processes, of which only one computes at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.comparison.pair import Conditions, Pairing, PairResult, pair_result
from harness.errors import ChildError, ComparisonError
from harness.machine.meter import CpuMeter, CpuReading
from harness.processes.child_process import ChildProcess
from harness.processes.launcher import padded_environment
from harness.processes.target import Target
from harness.processes.trial import TrialResult
from harness.timing import loop
from harness.timing.samples import summarise

_CHECK_TIMEOUT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Interpreters:
    """The Python interpreters of the environments that run the two sides."""

    base: Path
    new: Path = Path(sys.executable)


class RemoteSession:
    """A side's process, as a session of the measuring loop."""

    def __init__(self, process: ChildProcess, deadline: float) -> None:
        self._process = process
        self._deadline = deadline
        self.cpu_s = 0.0
        """Processor time of the process as of its last answer."""

    def load(self, target: Target, seed: int) -> None:
        """Loads the side, as the process's first task.

        Args:
            target: the side to measure.
            seed: seed of the input images.

        Raises:
            ChildError: the side cannot be loaded, or the deadline is over.
        """
        self._ask({"target": target.to_json(), "seed": seed})

    def infer(self) -> None:
        """Runs one inference."""
        self._ask({"untimed": 1})

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        """Fills the array with the times of that number of inferences, by the process's own clock."""
        del clock_ns
        latencies_ns[:] = self._ask({"timed": len(latencies_ns)})["latencies_ns"]

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        answer = self._process.ask(order, max(0.0, self._deadline - time.monotonic()))
        self.cpu_s = answer.get("cpu_s", self.cpu_s)
        return answer


class DuetMeter(CpuMeter):
    """Counts the work of the two processes as this program's own."""

    def __init__(self, sessions: Sequence[RemoteSession]) -> None:
        super().__init__()
        self._sessions = sessions

    def read(self) -> CpuReading:
        """Reads the counters as they are now."""
        reading = super().read()
        return dataclasses.replace(reading, own_s=reading.own_s + sum(one.cpu_s for one in self._sessions))


def measure_duet(
    pairing: Pairing, conditions: Conditions, interpreters: Interpreters, *, seed: int, swapped: bool
) -> PairResult:
    """Measures the sides in processes of two Python environments.

    Args:
        pairing: the two sides.
        conditions: how they are measured.
        interpreters: those of the two environments.
        seed: seed of the input images.
        swapped: whether the baseline is loaded and timed first; must be drawn at random.
    """
    sides = [(interpreters.new, pairing.new), (interpreters.base, pairing.base)]
    deadline = time.monotonic() + conditions.timeout_s
    with contextlib.ExitStack() as processes:
        try:
            sessions = []
            for python, side in sides[::-1] if swapped else sides:
                process = ChildProcess(
                    "harness.processes.duet_worker", "measurement", python=python, environment=environment(python)
                )
                sessions.append(RemoteSession(processes.enter_context(process), deadline))
                sessions[-1].load(conditions.target(side, pairing.batch), seed)
            first, second = sessions
            blocks = loop.measure(first, second, conditions.timing, meter=DuetMeter(sessions))
        except ChildError as error:
            if error.status == "timeout":
                return PairResult("timeout", f"the pair did not end within {conditions.timeout_s:g} s")
            return PairResult(error.status, str(error))
    return pair_result(TrialResult("ok", **summarise(blocks, pairing.batch)), swapped)


def check_python(python: Path, backend: str) -> str:
    """Returns the runtime that an interpreter would measure with, as in `onnxruntime 1.30.0`.

    Raises:
        ComparisonError: the interpreter cannot measure; the message says what it lacks.
    """
    try:
        return runtime_of(python, backend)
    except OSError as error:
        raise ComparisonError(f"--baseline-python {python} cannot be run: {error}") from error
    except ChildError as error:
        raise ComparisonError(
            f"--baseline-python {python} cannot measure: {str(error).rstrip('.')}. Install numpy and the runtime "
            "there; the harness itself is provided."
        ) from error


def runtime_of(python: Path, backend: str) -> str:
    """Returns the runtime that an interpreter would measure with, after importing all that a side needs.

    Raises:
        OSError: the interpreter cannot be run.
        ChildError: it cannot measure.
    """
    module = "harness.processes.runtime_worker"
    with ChildProcess(module, "check", python=python, environment=environment(python)) as one:
        runtime: str = one.ask({"backend": backend}, _CHECK_TIMEOUT_S)["runtime"]
        return runtime


def environment(python: Path) -> dict[str, str]:
    """Returns the variables for an interpreter's process; another one than this gets no PYTHONPATH."""
    variables = padded_environment()
    if str(python) != sys.executable:
        variables.pop("PYTHONPATH", None)
    return variables
