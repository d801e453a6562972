"""Images in a folder: class folders of images, or images side by side."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from harness.accuracy.datasets.store import is_image
from harness.accuracy.datasets.wording import cause, few
from harness.accuracy.errors import AccuracyError


@dataclasses.dataclass(frozen=True)
class FolderStore:
    """The image files of a folder and of its direct subfolders."""

    root: Path
    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    folders: tuple[str, ...]

    def read(self, position: int) -> bytes:
        """The file's bytes.

        Raises:
            AccuracyError: it is gone, or may not be read.
        """
        path = self.root / self.names[position]
        try:
            return path.read_bytes()
        except OSError as error:
            raise AccuracyError(
                f"{path} cannot be read any more ({cause(error)}); leave the images alone while they are in use"
            ) from error

    def location(self, position: int) -> str:
        """The file's path."""
        return str(self.root / self.names[position])


def open_folder(root: Path) -> FolderStore:
    """Lists a folder of images, or of class folders.

    Raises:
        AccuracyError: a folder or a file in it cannot be read, or a class folder holds folders.
    """
    images: dict[str, int] = {}
    folders = []
    for entry in _entries(root):
        if entry.is_dir():
            folders.append(entry.name)
            images |= {f"{entry.name}/{name}": size for name, size in _class_folder(root, entry.name).items()}
        elif is_image(entry.name):
            images[entry.name] = _size_bytes(entry)
    return FolderStore(root, tuple(images), tuple(images.values()), tuple(folders))


def _class_folder(root: Path, name: str) -> dict[str, int]:
    """The images of one class folder with their sizes in bytes."""
    entries = _entries(root / name)
    nested = [entry.name for entry in entries if entry.is_dir()]
    if nested:
        raise AccuracyError(
            f"{root / name} holds folders ({few(nested)}), but {root} should hold class folders with images directly "
            f"in them; give the folder whose subfolders are the classes, such as {root / name} may be"
        )
    return {entry.name: _size_bytes(entry) for entry in entries if is_image(entry.name)}


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, hidden files and folders left out."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise AccuracyError(f"{folder} cannot be listed ({cause(error)}); make it readable") from error


def _size_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError as error:
        raise AccuracyError(f"{entry.path} cannot be read ({cause(error)}); mend it or take it out") from error
