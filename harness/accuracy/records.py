"""What an evaluation leaves in the run directory: `accuracy/<images>-<digest>/`, one folder per set of images.

images.jsonl      the digest of every image as it was read, and the reason if it could not be read
<series>.jsonl    the top-5 of a series so far, one line per chunk, synced
<series>.parquet  the top-5 of every image, once all have been seen; the .jsonl is then removed
unreadable.csv    the images that gave no input, if there are any
shard.json        with --shard, what the images are a shard of (`harness.accuracy.shard_record`)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.accuracy.messages import Loaded
from harness.accuracy.predictions import PredictionTable, read_identity, write_predictions
from harness.accuracy.targets import EvaluationTarget
from harness.accuracy.worker.top_classes import GUESSES, NONE
from harness.datasets import ImageSet
from harness.errors import AccuracyError, StorageError
from harness.files.journal import Journal
from harness.files.storage import explained, replace_text
from harness.records.table import format_cells
from harness.text.lists import encodable
from zoo.preprocessing import libraries_of_input, libraries_text

ACCURACY_FOLDER = "accuracy"
IMAGES_NAME = "images.jsonl"
UNREADABLE_NAME = "unreadable.csv"

IMAGES_DIGEST = "images_digest"
"""Fact of an identity: the set of images."""

_PIXELS_BY = "pixels_by"
"""Fact of an identity that earlier versions did not record."""

CONTENT_DIGEST = "content_digest"
"""Fact of an identity: digest of the content of the images."""

_BESIDES_IDENTITY = (_PIXELS_BY, CONTENT_DIGEST)
"""Facts stored with an identity that do not decide by themselves whether predictions continue."""

_DIGEST_CHARACTERS = 16
"""Characters kept of each image's digest: 64 bits distinguish any two versions of a file."""


def folder_of(run_directory: Path, images: ImageSet) -> Path:
    """Returns the folder for the records of a set of images."""
    return run_directory / ACCURACY_FOLDER / folder_name(images.name, images.digest)


def folder_name(name: str, digest: str) -> str:
    """Name of the folder for a set of images of this name and digest."""
    return f"{_slug(name)}-{digest[:12]}"


def predictions_name(model: str, key: str) -> str:
    """Name, without its ending, of the files of predictions of a series."""
    return f"{_slug(model)}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def content_digest(digests: Iterable[str]) -> str:
    """A digest of the content of all images, from those of `ImageRecord` in the order of the images."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


class ImageRecord:
    """Digests of every image read for this run, so that no two sessions use different contents."""

    def __init__(self, folder: Path, images: ImageSet) -> None:
        """Reads what is stored.

        Raises:
            StorageError: the record is damaged, or cannot be written.
        """
        self._folder = folder
        self._images = images
        self._journal = Journal(folder / IMAGES_NAME)
        try:
            self._digests, self.unreadable = images_read(self._journal.entries, folder)
        except StorageError:
            self._journal.close()
            raise

    def add(self, start: int, loaded: Loaded) -> None:
        """Stores what was read from `start` on, and compares it with what is already stored.

        Raises:
            AccuracyError: an image has changed, or the record is incomplete.
            StorageError: the record cannot be written.
        """
        if start > len(self._digests):
            raise AccuracyError(f"{self._folder / IMAGES_NAME} is truncated; remove {self._folder} to start again")
        digests = [digest[:_DIGEST_CHARACTERS] for digest in loaded.digests]
        for index, (known, found) in enumerate(zip(self._digests[start:], digests, strict=False), start=start):
            if known != found:
                raise AccuracyError(
                    f"{self._images.location(index)} is not the image that was evaluated earlier in this run. Results "
                    f"of different images are never mixed: give another --output, or remove {self._folder}"
                )
        new = digests[len(self._digests) - start :]
        reasons = {index: reason for index, reason in loaded.unreadable.items() if index not in self.unreadable}
        if new or reasons:
            self._journal.append({"sha256": new, "unreadable": reasons})
        self._digests += new
        self.unreadable |= reasons

    def count(self, digests: Iterable[str]) -> int:
        """How many of these SHA-256 are of images that were read."""
        read = set(self._digests)
        return sum(digest[:_DIGEST_CHARACTERS] in read for digest in digests)

    def digest(self) -> str:
        """Returns a digest of the content of all images."""
        return content_digest(self._digests)

    def list_unreadable(self) -> Path | None:
        """Writes the list of the images that gave no input, and returns its path; None if there are none."""
        if not self.unreadable:
            return None
        path = self._folder / UNREADABLE_NAME
        lines = [
            (encodable(self._images.items[index].name), encodable(self._images.location(index)), reason)
            for index, reason in sorted(self.unreadable.items())
        ]
        replace_text(path, "".join(map(format_cells, [("image", "location", "reason"), *lines])))
        return path

    def close(self) -> None:
        """Closes the file; nothing is pending."""
        self._journal.close()


def images_read(entries: Iterable[Mapping[str, Any]], folder: Path) -> tuple[list[str], dict[int, str]]:
    """What the record of images in a folder says: the digest of each, and why some gave no input, by their index.

    Raises:
        StorageError: the record is damaged.
    """
    digests: list[str] = []
    unreadable: dict[int, str] = {}
    try:
        for entry in entries:
            digests += entry["sha256"]
            unreadable |= {int(index): reason for index, reason in entry["unreadable"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(
            f"{folder / IMAGES_NAME} is damaged ({error!r}). Remove {folder} to have its images evaluated again."
        ) from error
    return digests, unreadable


class Predictions:
    """The predictions of one series for a set of images, stored as they arrive."""

    def __init__(self, folder: Path, target: EvaluationTarget, images: ImageSet) -> None:
        """Reads what is stored for the same artifact, backend and preprocessing, and removes what is for others.

        The libraries that make the pixels must be the same, too. What an earlier version stored without them is kept,
        and they stay unknown.

        Raises:
            StorageError: what is stored is damaged, or cannot be used.
        """
        self.target = target
        self.replaced_pixels_by = ""
        """Other libraries that had made the pixels of predictions which were removed; empty if none were for that."""
        self._images = images
        pixels_by = libraries_text(libraries_of_input(target.pipeline, images.encoded))
        self._identity = {**target.identity(), IMAGES_DIGEST: images.digest, _PIXELS_BY: pixels_by}
        name = predictions_name(target.model, target.key)
        self.path = folder / f"{name}.parquet"
        self._journal_path = folder / f"{name}.jsonl"
        self._top: list[NDArray[np.int32]] = []
        self._journal: Journal | None = None
        self.complete = self._is_complete()
        if not self.complete:
            self._journal = self._opened_journal()

    @property
    def done(self) -> int:
        """Number of images seen so far, in the order of the set."""
        return len(self._images.items) if self.complete else sum(map(len, self._top))

    @property
    def pixels_by(self) -> str:
        """Libraries that decoded and resized, with versions; empty if an earlier version did not record them."""
        return str(self._identity.get(_PIXELS_BY, ""))

    def append(self, top: NDArray[np.int32]) -> None:
        """Stores the classes predicted for the next images, (N, 5); they are on disk when this returns.

        Raises:
            StorageError: they cannot be stored.
        """
        assert self._journal is not None
        self._journal.append({"top": top.tolist()})
        self._top.append(top)

    def finish(self, content_digest: str) -> None:
        """Replaces the journal with the Parquet file; every image must have been seen.

        Args:
            content_digest: digest of the images, from `ImageRecord.digest`.
        """
        top = np.concatenate(self._top)
        readable = (top != NONE).any(axis=1)
        table = PredictionTable(
            names=[encodable(item.name) for item in self._images.items],
            labels=np.array([item.label for item in self._images.items], np.int32),
            top=top,
            readable=readable,
            identity={**self._identity, CONTENT_DIGEST: content_digest},
        )
        write_predictions(self.path, table)
        self.complete = True
        self.close()
        with explained(self._journal_path):
            self._journal_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file; nothing is pending."""
        if self._journal is not None:
            self._journal.close()

    def _continues(self, stored: Mapping[str, Any]) -> bool:
        """Whether stored predictions are of this identity, which then lacks what they lack; notes other pixels."""
        rest = {name: value for name, value in self._identity.items() if name != _PIXELS_BY}
        if {name: value for name, value in stored.items() if name not in _BESIDES_IDENTITY} != rest:
            return False
        if _PIXELS_BY not in stored:
            self._identity = rest
            return True
        if stored[_PIXELS_BY] != self.pixels_by:
            self.replaced_pixels_by = str(stored[_PIXELS_BY])
            return False
        return True

    def _is_complete(self) -> bool:
        if not self.path.is_file():
            return False
        stored = read_identity(self.path)
        if stored is not None and self._continues(stored):
            return True
        with explained(self.path):
            self.path.unlink()
        return False

    def _opened_journal(self) -> Journal:
        """Opens the journal; one that belongs to something else is replaced by a new one."""
        journal = Journal(self._journal_path)
        if journal.entries and not self._continues(journal.entries[0].get("identity", {})):
            journal.close()
            with explained(self._journal_path):
                self._journal_path.unlink()
            journal = Journal(self._journal_path)
        if not journal.entries:
            journal.append({"identity": self._identity})
        try:
            self._top = [np.array(entry["top"], np.int32).reshape(-1, GUESSES) for entry in journal.entries[1:]]
        except (KeyError, TypeError, ValueError) as error:
            journal.close()
            raise StorageError(
                f"{self._journal_path} is damaged ({error!r}). Remove it to have the series evaluated again."
            ) from error
        return journal


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text)
