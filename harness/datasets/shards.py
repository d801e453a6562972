"""Data sets in several files: `validation-00000-of-00014.parquet`, `imagenet-val-000063.tar`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import AccuracyError
from harness.text.lists import few

PARQUET = ".parquet"
TAR = ".tar"

_OF = re.compile(r"(?P<split>.*?)[-_.]?\d+-of-(?P<count>\d+)(?:-[0-9a-f]{16})?")
_NUMBERED = re.compile(r"(?P<split>.*?)[-_.]?\d+")
_BRACES = re.compile(r"\{\d+\.\.\d+\}")


def shards_in(folder: Path, suffix: str) -> list[Path]:
    """The files of one kind in a folder, sorted; hidden ones are left out."""
    return sorted(path for path in folder.iterdir() if path.suffix == suffix and not path.name.startswith("."))


def shards_named(path: Path) -> list[Path]:
    """The shards of one split, given as `data/validation` or `data/val-{000..063}.tar`; empty if there are none.

    Args:
        path: what the user gave, which does not exist.
    """
    split = _BRACES.sub("0", path.name)
    if split != path.name:
        split = split_of(Path(split))
    try:
        for suffix in (PARQUET, TAR):
            if found := [shard for shard in shards_in(path.parent, suffix) if split_of(shard) == split]:
                return found
    except OSError:
        # Whoever opens the path reports why it cannot be read.
        return []
    return []


def split_of(shard: Path) -> str:
    """The name of a shard without its number: its split."""
    for pattern in (_OF, _NUMBERED):
        if match := pattern.fullmatch(shard.stem):
            return match["split"]
    return shard.stem


def one_split(shards: Sequence[Path], place: Path) -> list[Path]:
    """The shards, which must be of one split.

    Raises:
        AccuracyError: they are of several.
    """
    splits = {split_of(shard): shard for shard in shards}
    if len(splits) > 1:
        example = next((name for name in splits if "val" in name), sorted(splits)[0])
        raise AccuracyError(
            f"{place} holds the shards of several splits ({few(splits)}); give one of them, as in "
            f"--images {shards[0].parent / example}"
        )
    return list(shards)


def missing_shards(shards: Sequence[Path]) -> str:
    """A sentence's words if the names of the shards state more of them than there are; else empty."""
    match = _OF.fullmatch(shards[0].stem)
    if match is None or int(match["count"]) <= len(shards):
        return ""
    return f"the images are those of {len(shards):,} of {int(match['count']):,} shards"
