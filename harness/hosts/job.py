"""A command whose shards are done on several hosts, and the folder that its pieces are collected in."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from foundation.digests import json_sha256
from foundation.shard import Shard
from harness.errors import HostsError, StorageError
from harness.files.locking import KernelLock
from harness.files.storage import explained, replace_json
from harness.hosts.packing import Packed, unpack

JOB_NAME = "job.json"
_LOCK_NAME = ".lock"
_UNPACKING = ".unpacking-"


@dataclasses.dataclass(frozen=True)
class Job:
    """What every piece of a command has in common."""

    command: str
    """Name of the command of the harness."""
    words: tuple[str, ...]
    """Its words without those about hosts, shards and folders."""
    folder_option: str
    """The option by which the command is given its folder."""
    contents: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Digests of what the words name, such as images and artifacts."""

    @property
    def digest(self) -> str:
        """Identifies the job: another command, version or content is another job."""
        version = importlib.metadata.version("baseline-zoo")
        return json_sha256([self.command, list(self.words), dict(self.contents), version])

    def text(self) -> str:
        """The command as a user writes it."""
        return " ".join((self.command, *self.words))


def parts_of(output: Path) -> Path:
    """The folder beside the output that pieces are collected in."""
    return output.with_name(f"{output.name}.parts")


def was_merged(job: Job, output: Path) -> bool:
    """Whether a command was killed between the merging of all pieces of the job and the removal of their folder."""
    try:
        begun = json.loads((parts_of(output) / JOB_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    # The whole appears complete or not at all.
    return begun.get("digest") == job.digest and output.is_dir() and any(output.iterdir())


def remove_folder(folder: Path) -> None:
    """Removes a folder of pieces, when everything in it is part of the whole."""
    gone = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    with explained(folder):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


class Parts:
    """The folder of the pieces of one job, with one writer. Use it as a context manager."""

    def __init__(self, folder: Path, job: Job, count: int) -> None:
        """Opens the folder, or creates it.

        Args:
            folder: see `parts_of`.
            job: the job; a folder with pieces of another one is refused.
            count: number of pieces; if the job was begun earlier, it keeps its number.

        Raises:
            HostsError: the folder holds pieces of another command, or another process writes to it.
            StorageError: it cannot be written.
        """
        self.folder, self.job = folder, job
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock = KernelLock(folder / _LOCK_NAME)
            except BlockingIOError as error:
                raise HostsError(f"another command collects pieces in {folder}: wait until it has ended") from error
        try:
            self.count = self._begun(count)
            for left in folder.glob(f"{_UNPACKING}*"):
                shutil.rmtree(left, ignore_errors=True)
        except BaseException:
            self._lock.release()
            raise

    def _begun(self, count: int) -> int:
        """The number of pieces; writes job.json if the job is new."""
        path = self.folder / JOB_NAME
        if not path.is_file():
            replace_json(path, {"digest": self.job.digest, "command": self.job.text(), "count": count})
            return count
        try:
            with explained(path):
                then = json.loads(path.read_text(encoding="utf-8"))
            same, command, begun = then["digest"] == self.job.digest, then["command"], int(then["count"])
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path} is damaged ({error!r}). Remove {self.folder} to begin again.") from error
        if not same:
            raise HostsError(
                f"{self.folder} holds pieces of another command, version, images or artifacts ({command}): repeat that "
                "command, give another --output, or remove the folder"
            )
        return begun

    def path(self, number: int) -> Path:
        """The folder of a piece."""
        return self.folder / piece_name(Shard(number, self.count))

    def missing(self) -> list[int]:
        """Numbers of the pieces that are not here."""
        return [number for number in range(1, self.count + 1) if not self.path(number).is_dir()]

    def store(self, number: int, packed: Packed) -> bool:
        """Writes a piece, which appears complete or not at all; returns whether it was missing.

        Raises:
            HostsError: it was damaged on its way.
            StorageError: it cannot be written.
        """
        target = self.path(number)
        if target.is_dir():
            return False
        staged = self.folder / f"{_UNPACKING}{target.name}-{os.urandom(4).hex()}"
        with explained(target):
            try:
                unpack(packed, staged)
                staged.rename(target)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
        return True

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def piece_name(shard: Shard) -> str:
    """Name of a piece's folder, here and on the host that does it."""
    return f"{shard.number}-of-{shard.count}"


def number_of_pieces(hosts: int, things: int, at_least: int) -> int:
    """Four pieces a host, so that a slow one does not hold up the end, and none that is too small.

    Args:
        hosts: number of hosts.
        things: number of images or models.
        at_least: number of things that are worth a piece.
    """
    return max(1, min(4 * hosts, things // at_least))
