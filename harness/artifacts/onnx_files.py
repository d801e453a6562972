"""The user's ONNX files, and the names by which their rows are told apart."""

from __future__ import annotations

import collections
import dataclasses
import difflib
import os
from collections.abc import Iterable
from pathlib import Path

from foundation.wording import listed
from harness.errors import HarnessError


@dataclasses.dataclass(frozen=True)
class OnnxFile:
    """An ONNX file of the user."""

    path: Path
    name: str = ""
    """The name that the user gives it; empty for one of its path."""

    @classmethod
    def of(cls, text: str) -> OnnxFile:
        """The file of `FILE` or `NAME=FILE`; a file that has an equals sign in its own name needs no other."""
        name, equals, path = text.partition("=")
        if equals and name and path and "/" not in name and not Path(text).is_file():
            return cls(Path(path), name)
        return cls(Path(text))

    def __str__(self) -> str:
        return f"{self.name}={self.path}" if self.name else str(self.path)


def no_file(path: Path) -> str:
    """What is at a path without a file, and what to give instead."""
    if path.is_dir():
        inside = sorted(str(file) for pattern in ("*.onnx", "*/*.onnx") for file in path.glob(pattern))
        return f"a folder; give a file in it: {listed(inside)}" if inside else "a folder without an .onnx file"
    if path.is_symlink():
        return f"a link to {path.readlink()}, which is not there"
    beside = sorted(other.name for other in path.parent.glob("*.onnx")) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside)
    return f"no such file; nearest: {', '.join(str(path.parent / name) for name in near)}" if near else "no such file"


def named(files: Iterable[OnnxFile]) -> dict[str, Path]:
    """The files by name, in the order given: the user's name, else the file's without its ending.

    Files that have that in common are named with as much of their paths as tells them apart, as in `v1/model` and
    `v2/model`. A file given twice is there once.

    Raises:
        HarnessError: two files are given the same name.
    """
    given = list(files)
    found: dict[str, Path] = {}
    for file in given:
        if file.name and found.setdefault(file.name, file.path) != file.path:
            raise HarnessError(f"--onnx {file}: {found[file.name]} has the same name; give each file its own")
    unnamed = dict.fromkeys(_whole(file.path) for file in given if not file.name)
    names = _told_apart(list(unnamed), set(found))
    by_name: dict[str, Path] = {}
    for file in given:
        by_name.setdefault(file.name or names[_whole(file.path)], file.path)
    return by_name


def _whole(path: Path) -> Path:
    """The path from the root, without links followed: beside the path as it is given lie the weights."""
    return Path(os.path.normpath(path.absolute()))


def _told_apart(paths: list[Path], taken: set[str]) -> dict[Path, str]:
    """Each path's shortest name, in folders, that no other path and no taken name has."""
    stems = collections.Counter((path.parent, path.stem) for path in paths)
    # Files of one folder that differ in their endings alone keep these.
    own = {path: path.name if stems[path.parent, path.stem] > 1 else path.stem for path in paths}
    names = dict(own)
    for folders in range(1, max((len(path.parts) for path in paths), default=0)):
        counts = collections.Counter(names.values())
        for path in [path for path, name in names.items() if counts[name] > 1 or name in taken]:
            names[path] = "/".join((*path.parent.parts[1:][-folders:], own[path]))
    return names
