"""From a card to its released checkpoint on this machine."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from foundation.digests import file_sha256
from zoo.card import ModelCard
from zoo.checkpoints import content, digests
from zoo.checkpoints.archive import extract_member
from zoo.checkpoints.errors import FetchError
from zoo.checkpoints.location import Location, locate
from zoo.checkpoints.lockfile import LockFile
from zoo.checkpoints.origins import bring
from zoo.checkpoints.partial import PartialFile
from zoo.checkpoints.settings import FetchedCheckpoint, FetchSettings
from zoo.checkpoints.storage import alone, explained
from zoo.errors import WeightsError


def fetch(card: ModelCard, settings: FetchSettings | None = None) -> FetchedCheckpoint:
    """The released checkpoint of a card, fetched if it is not in the cache.

    Every file returned was recognised as a checkpoint by its content, and verified against the digests of the release
    and of the lock file. Safe to call from several processes at once: one of them fetches, the others
    wait and use its file.

    Raises:
        UnreachableError: the file's host does not answer.
        FetchError: the checkpoint was never published, cannot be fetched, is not a checkpoint, or does not match its
            digest.
    """
    location = locate(card)
    try:
        return _Fetch(card, location, settings or FetchSettings()).run()
    except ModuleNotFoundError as error:
        raise FetchError(
            f"{location.url} cannot be fetched without {error.name}, which is not installed here: "
            "pip install 'baseline-zoo[weights]'"
        ) from error


def cached_path(card: ModelCard, settings: FetchSettings | None = None) -> Path | None:
    """Path in the cache of the file at a card's URL; None if it is not there. Nothing is verified.

    Raises:
        FetchError: no checkpoint was published.
    """
    path = (settings or FetchSettings()).folder / locate(card).path
    return path if path.is_file() else None


@dataclasses.dataclass(frozen=True)
class _Fetch:
    """The fetching of one card's checkpoint."""

    card: ModelCard
    location: Location
    settings: FetchSettings

    @property
    def _url(self) -> str:
        return self.location.url

    @property
    def _target(self) -> Path:
        return self.settings.folder / self.location.path

    @property
    def _member(self) -> str:
        return self.card.checkpoint.archive_member

    @property
    def _member_path(self) -> Path:
        """Path of the archive's member once it is unpacked."""
        return self._target.with_name(f"{self._target.name}.members") / PurePosixPath(self._member).name

    def run(self) -> FetchedCheckpoint:
        """Fetches what is missing, and verifies all of it."""
        settings, target = self.settings, self._target
        lock = LockFile(settings.lock_path, settings.lock_guard, settings.listener)
        pinned = lock.read()
        if not target.is_file():
            with alone(target, settings.listener):
                # Another process may have fetched it while this one waited.
                if not target.is_file():
                    self._obtain(pinned)
        found = {self._url: self._verified(target, self._url, pinned)}
        path, key = target, self._url
        if self._member:
            path, key = self._member_path, f"{self._url}#{self._member}"
            # A member without a pinned digest is extracted again from the archive, which was verified just now.
            if key not in pinned or not path.is_file():
                self._unpack()
            found[key] = self._verified(path, key, pinned)
        lock.pin(found)
        return FetchedCheckpoint(path, found[key], self._url, self.card.checkpoint.tag, found[self._url])

    def _obtain(self, pinned: Mapping[str, str]) -> None:
        """Fetches the file into the cache, unless it is not what it should be.

        Raises:
            FetchError: it cannot be fetched, or is something else; the cache is then as it was.
        """
        part = PartialFile(self._target)
        stated_sha256 = bring(self.location, part, self.settings)
        with explained(part.path), tempfile.TemporaryDirectory(prefix=".unpacking-", dir=part.path.parent) as aside:
            try:
                self._recognise(part.path, Path(aside))
                digests.hold_against(
                    file_sha256(part.path),
                    f"the file from {self._url} for {self._target}",
                    [*self._expected(self._url, pinned), digests.by_server(stated_sha256)],
                    "It was not kept: fetch again",
                )
            except FetchError:
                # It is not the beginning of the right file, so it cannot be resumed.
                part.discard()
                raise
            part.path.replace(self._target)
            part.discard()

    def _recognise(self, path: Path, aside: Path) -> None:
        """Refuses a download that is not a checkpoint or an archive with one; unpacks an archive into `aside`."""
        if found := self._unlike(path, self._url):
            origin = self.settings.shown_mirror or "the server"
            raise FetchError(
                f"{self._url}: what {origin} sent for {self._target} is {found}. It was not kept: open the URL in a "
                "browser, or give a --mirror that holds the file"
            )
        if self._member:
            self._unpacked(path, aside)

    def _unlike(self, path: Path, key: str) -> str:
        """What a file is, in words, if it is not what it should be; empty if it may be that."""
        if self._member and key == self._url:
            return content.unlike_archive(path, self._member)
        return content.unlike_torch_checkpoint(path)

    def _unpack(self) -> None:
        """Puts the member of the cached archive beside it."""
        target = self._target
        with (
            alone(target, self.settings.listener),
            explained(target.parent),
            tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target.parent) as aside,
        ):
            member = self._unpacked(target, Path(aside))
            self._member_path.parent.mkdir(parents=True, exist_ok=True)
            member.replace(self._member_path)

    def _unpacked(self, archive: Path, aside: Path) -> Path:
        """Extracts the member from the archive, and refuses it if it is not a checkpoint."""
        try:
            member = extract_member(archive, self._member, aside)
        except WeightsError as error:
            raise FetchError(f"{self._url}: {error}") from error
        if found := content.unlike_torch_checkpoint(member):
            raise FetchError(
                f"{self._url}: its member {self._member} is {found}. It was not kept: check whether the release "
                "changed, or give a --mirror that holds the file"
            )
        return member

    def _expected(self, key: str, pinned: Mapping[str, str]) -> list[digests.Expectation]:
        expected = [digests.by_lock(pinned.get(key, ""), str(self.settings.lock_path))]
        if key == self._url:
            expected.append(digests.by_release(self.card.checkpoint.sha256_prefix))
        return expected

    def _verified(self, path: Path, key: str, pinned: Mapping[str, str]) -> str:
        """SHA-256 of a file in the cache.

        Raises:
            FetchError: it is not the expected one, or the file cannot be read or is not a checkpoint.
        """
        what, remedy = f"{path}, fetched from {key},", "Remove the file and fetch again"
        with explained(path):
            sha256 = file_sha256(path)
            # A file may have been put there by hand.
            if key not in pinned and (found := self._unlike(path, key)):
                raise FetchError(f"{what} is {found}. {remedy}")
        digests.hold_against(sha256, what, self._expected(key, pinned), remedy)
        return sha256
