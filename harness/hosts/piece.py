"""One piece of a job, done on the host where this runs: a command in a process of its own, and the files it left."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from foundation.cache import default_cache_dir
from foundation.shard import Shard
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS
from harness.hosts.environment import cleaned
from harness.hosts.job import Job, piece_name
from harness.hosts.packing import Packed, pack
from harness.hosts.parcel import Parcel
from harness.hosts.priority import restore
from harness.processes.launcher import python_command
from harness.processes.process_group import OutputTail, kill_group, start_group

_FOLDER = "jobs"
_MODULE = "harness.hosts.command_process"
_POLL_S = 0.2
_GRACE_S = 10.0
"""Time for a command to end by itself once it is interrupted."""
_RESULTS = (EXIT_SUCCESS, EXIT_FAILED_ROWS)
"""Exit codes of commands that came to their end: rows that failed are results."""


@dataclasses.dataclass(frozen=True)
class Order:
    """One piece, as a host is asked for it."""

    job: Job
    shard: Shard
    parcels: Mapping[str, Parcel]
    """What the words name by placeholders, which the host replaces by folders of its own."""

    def words(self, folder: Path) -> list[str]:
        """The words of the command on this host, which writes to `folder`."""
        words = list(self.job.words)
        for placeholder, parcel in self.parcels.items():
            words = [word.replace(placeholder, str(parcel.folder())) for word in words]
        return [self.job.command, *words, "--shard", str(self.shard), self.job.folder_option, str(folder)]


@dataclasses.dataclass(frozen=True)
class Reply:
    """How a piece ended."""

    exit_code: int
    output_tail: str
    """The last lines that the command printed."""
    duration_s: float
    packed: Packed | None = None
    """What it left; None if it failed."""


def job_folder(digest: str) -> Path:
    """Where this host keeps what it does of a job, so that an interrupted piece resumes."""
    return default_cache_dir() / _FOLDER / digest


def do_piece(order: Order) -> Reply:
    """Runs the command of a piece to its end; an exception in the meantime, such as a cancellation, ends it too."""
    folder = job_folder(order.job.digest) / piece_name(order.shard)
    folder.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    restore()
    command = [*python_command(_MODULE), str(os.getpid()), *order.words(folder)]
    exit_code, tail = _run(command, folder.parent, _last_line_of(folder))
    packed = pack(folder) if exit_code in _RESULTS and folder.is_dir() else None
    return Reply(exit_code, tail, time.monotonic() - started, packed)


def last_line(digest: str, shard: Shard) -> str:
    """The last line that the command of a piece has printed on the host where this runs; empty if there is none."""
    with contextlib.suppress(OSError):
        return _last_line_of(job_folder(digest) / piece_name(shard)).read_text(encoding="utf-8")
    return ""


def _last_line_of(folder: Path) -> Path:
    """The file beside the folder of a piece for the last line of its command."""
    return folder.with_name(f"{folder.name}.line")


def _run(command: list[str], current: Path, line: Path) -> tuple[int, str]:
    """Runs a command in its own process group; returns its exit code and its last lines.

    Args:
        command: its words.
        current: the folder that it runs in.
        line: a file that has its last line while it runs.
    """
    process = start_group(command, bare_environment(), current)
    tail = OutputTail(process.stdout)
    told = ""
    try:
        # A cancellation arrives between two looks: it does not interrupt a wait in the kernel.
        while process.poll() is None:
            time.sleep(_POLL_S)
            told = _tell(tail.last_line(), line, told)
    except BaseException:
        _interrupt(process)
        raise
    finally:
        kill_group(process)
        process.wait()
        tail.wait(_GRACE_S)
    return process.returncode, tail.text()


def _tell(last: str, line: Path, told: str) -> str:
    """Writes the last line to the file if it is another one than `told`; returns it."""
    if last != told:
        # A disk that is full does not end the command here, which says so itself.
        with contextlib.suppress(OSError):
            line.write_text(last, encoding="utf-8")
    return last


def bare_environment() -> dict[str, str]:
    """As on a bare machine, with the packages of this process first."""
    environment = cleaned(os.environ)
    packages = str(Path(__file__).parents[2])
    others = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path and path != packages]
    return {**environment, "PYTHONPATH": os.pathsep.join([packages, *others])}


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Asks a command to end, and waits a little until it has."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        if sys.platform != "win32":
            os.kill(process.pid, signal.SIGTERM)
        process.wait(_GRACE_S)
