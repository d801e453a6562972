"""Images in a folder: class folders of images, or images directly in it."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path, PurePosixPath

from foundation.wording import cause
from harness.datasets.store import is_image
from harness.errors import AccuracyError, UnreadableFileError
from harness.text.lists import few


@dataclasses.dataclass(frozen=True)
class FolderStore:
    """The image files of a folder and of its direct subfolders."""

    root: Path
    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    folders: tuple[str, ...]

    @property
    def encoded(self) -> bool:
        """Always: these are files."""
        return True

    def read(self, position: int) -> bytes:
        """Reads the file's bytes.

        Raises:
            UnreadableFileError: the file is gone, is a link to nothing, or may not be read.
            AccuracyError: the whole folder is gone.
        """
        path = self.root / self.names[position]
        try:
            return path.read_bytes()
        except OSError as error:
            told = f"{path} cannot be read ({cause(error)}); make it readable, and leave the images alone while in use"
            raise (UnreadableFileError if self.root.is_dir() else AccuracyError)(told) from error

    def location(self, position: int) -> str:
        """Returns the file's path."""
        return str(self.root / self.names[position])


def open_folder(root: Path) -> FolderStore:
    """Lists a folder of images, or of class folders.

    Raises:
        AccuracyError: a folder or a file in it cannot be read, or a class folder holds folders.
    """
    folders, images = _listing(root)
    for folder in folders:
        nested, inner = _listing(root / folder)
        if nested:
            raise AccuracyError(
                f"{root / folder} holds folders ({few(nested)}), but {root} should hold class folders with images "
                f"directly in them; give the folder whose subfolders are the classes, perhaps {root / folder}"
            )
        images |= {f"{folder}/{name}": size_bytes for name, size_bytes in inner.items()}
    return FolderStore(root, tuple(images), tuple(images.values()), tuple(folders))


def _listing(folder: Path) -> tuple[list[str], dict[str, int]]:
    """Lists the folders in a folder, and its images with their sizes in bytes; hidden ones are left out."""
    folders, images = [], {}
    odd = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                status = _status(entry)
                if status is None:
                    if is_image(entry.name):
                        images[entry.name] = 0
                    elif not PurePosixPath(entry.name).suffix:
                        raise AccuracyError(f"{entry.path} is a link to nothing; if it is a class, fix or remove it")
                elif stat.S_ISDIR(status.st_mode):
                    folders.append(entry.name)
                elif is_image(entry.name):
                    images[entry.name] = status.st_size
                    if not stat.S_ISREG(status.st_mode):
                        odd.append(entry.name)
    except OSError as error:
        place = error.filename or folder
        raise AccuracyError(f"{place} cannot be read ({cause(error)}); make it readable, or remove it") from error
    if odd:
        # Reading from a pipe would wait for somebody to write to it.
        raise AccuracyError(f"{folder} holds pipes, sockets or devices named like images ({few(odd)}); remove them")
    return folders, images


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What an entry is; None if it is a link to nothing, or to itself."""
    try:
        return entry.stat()
    except OSError:
        if not entry.is_symlink():
            raise
        return None
