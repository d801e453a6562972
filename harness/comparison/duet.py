"""A pair whose sides need two Python environments: two processes, of which one at a time computes."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import timing
from harness.comparison.errors import ComparisonError
from harness.comparison.pair import Conditions, Pairing, PairResult, Side, pair_result
from harness.contamination import CpuMeter, CpuReading
from harness.launcher import EndedProcess, end_of, keep_tail, kill_group, padded_environment
from harness.trial import Status, TrialResult
from harness.worker import summarise

_PACKAGES = Path(__file__).parents[2]
_IMPORTS = "import harness.duet_worker"
_OUTPUT_TAIL_LINES = 20
_CHECK_TIMEOUT_S = 60.0


class PartnerError(Exception):
    """A side's process could not do its part."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status: Status = status


class Partner:
    """A side's process; to the measuring loop it is a session."""

    def __init__(self, python: Path, job: Path) -> None:
        command = [str(python), "-X", "faulthandler", "-m", "harness.duet_worker", str(job)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._tail: collections.deque[str] = collections.deque(maxlen=_OUTPUT_TAIL_LINES)
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=keep_tail, args=(self._process.stderr, self._tail), daemon=True)
        self._reader.start()
        self.cpu_s = 0.0
        """Processor time of the process, when it last answered."""

    def answer(self) -> dict[str, Any]:
        """Its next answer.

        Raises:
            PartnerError: it said that it failed, or ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.end()
            ended = EndedProcess(self._process.returncode, False, "".join(self._tail).strip())
            raise PartnerError(*end_of(ended, 0.0, "measurement"))
        data: dict[str, Any] = json.loads(line)
        if data["status"] != "ok":
            raise PartnerError(data["status"], data["reason"])
        self.cpu_s = data.get("cpu_s", self.cpu_s)
        return data

    def infer(self) -> None:
        """Run once."""
        self._order(untimed=1)

    def time_block(self, latencies_ns: npt.NDArray[np.int64], clock_ns: Callable[[], int]) -> None:
        """Fill the array with the times of as many inferences, by the process's own clock."""
        del clock_ns
        latencies_ns[:] = self._order(timed=len(latencies_ns))["latencies_ns"]

    def _order(self, **order: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        return self.answer()

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        kill_group(self._process)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()

    def __enter__(self) -> Partner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class DuetMeter(CpuMeter):
    """Counts the two processes' own work as ours."""

    def __init__(self, partners: Sequence[Partner]) -> None:
        super().__init__()
        self._partners = partners

    def read(self) -> CpuReading:
        """The counters now."""
        reading = super().read()
        return dataclasses.replace(reading, own_s=reading.own_s + sum(one.cpu_s for one in self._partners))


def measure_duet(
    pairing: Pairing, conditions: Conditions, baseline_python: Path, *, seed: int, swapped: bool, work_dir: Path
) -> PairResult:
    """Measures the baseline in another Python environment beside the candidate in this one.

    Args:
        pairing: the two sides.
        conditions: how they are measured.
        baseline_python: interpreter of the baseline's environment.
        seed: of the input images.
        swapped: whether the baseline is loaded and timed first; to be drawn at random.
        work_dir: for the files of the while.
    """
    sides = [(Path(sys.executable), pairing.new), (baseline_python, pairing.base)]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=work_dir) as folder, contextlib.ExitStack() as open_partners:
        try:
            partners = []
            for position, (python, side) in enumerate(sides[::-1] if swapped else sides):
                job = Path(folder, f"{position}.json")
                job.write_text(json.dumps(_job(side, pairing.batch, conditions, seed)))
                partners.append(open_partners.enter_context(Partner(python, job)))
                open_partners.enter_context(_deadline(partners[-1], started + conditions.timeout_s))
                partners[-1].answer()
            first, second = partners
            blocks = timing.measure(first, second, conditions.timing, meter=DuetMeter(partners))
        except PartnerError as error:
            if time.monotonic() - started >= conditions.timeout_s:
                return PairResult("timeout", f"the pair did not end within {conditions.timeout_s:g} s")
            return PairResult(error.status, str(error))
    return pair_result(TrialResult("ok", **summarise(blocks, pairing.batch)), swapped)


def check_python(python: Path) -> None:
    """Refuses an interpreter that cannot measure.

    Raises:
        ComparisonError: saying what it lacks.
    """
    try:
        ended = subprocess.run(
            [str(python), "-c", _IMPORTS], env=environment(), capture_output=True, text=True, timeout=_CHECK_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ComparisonError(f"--baseline-python {python} cannot be run: {error}") from error
    if ended.returncode:
        said = ended.stderr.strip().splitlines()
        raise ComparisonError(
            f"--baseline-python {python} cannot measure: {said[-1] if said else 'it said nothing'}. Install "
            "numpy and the runtime there; the harness itself is lent to it."
        )


def environment() -> dict[str, str]:
    """This process's environment, with this very harness for the other interpreter to import."""
    return {**padded_environment(), "PYTHONPATH": os.pathsep.join([str(_PACKAGES)])}


def _job(side: Side, batch: int, conditions: Conditions, seed: int) -> dict[str, Any]:
    return {
        "artifact": side.artifact,
        "precision": side.precision,
        "batch": batch,
        "backend": conditions.backend,
        "threads": conditions.threads,
        "gpu": conditions.gpu.to_json(),
        "cache_dir": conditions.cache_dir,
        "seed": seed,
    }


@contextlib.contextmanager
def _deadline(partner: Partner, until: float) -> Iterator[None]:
    """Ends the process at the deadline, so that whoever waits for its answer is told."""
    timer = threading.Timer(max(0.0, until - time.monotonic()), partner.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
