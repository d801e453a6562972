"""Whether the shards of some folders are all shards of one job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from foundation.shard import Shard
from foundation.wording import listed
from harness.artifacts.model_shard import ModelShard
from harness.errors import MergeError


def check_complete(shards: Mapping[Path, Shard], what: str) -> None:
    """Refuses shards of different counts, and a job of which a shard is missing.

    Args:
        shards: the shard in each folder.
        what: what is shared out, for the message.

    Raises:
        MergeError: see above; the message names the folders, or the shards.
    """
    counts = {shard.count: folder for folder, shard in shards.items()}
    if len(counts) > 1:
        (first, one), (second, other) = list(counts.items())[:2]
        raise MergeError(
            f"{one} is a shard of {first}, {other} of {second}: give the folders of one job, all begun with the same "
            "--shard K/N"
        )
    count = next(iter(counts))
    missing = sorted(set(range(1, count + 1)) - {shard.number for shard in shards.values()})
    if missing:
        names = listed(f"{number}/{count}" for number in missing)
        raise MergeError(f"of the shards of {what}, {names} {_is(missing)} missing: give all {count} folders")


def models_shared_out(shards: Mapping[Path, ModelShard | None]) -> tuple[str, ...]:
    """The models of the whole job, in the order of the rows; none if the folders are no shards of models.

    Args:
        shards: the shard in each folder; None in one that is none.

    Raises:
        MergeError: a shard is missing, there twice, of another job, or only some of the folders are shards.
    """
    known = {folder: shard for folder, shard in shards.items() if shard is not None}
    if not known:
        return ()
    first, one = next(iter(known.items()))
    if whole := [folder for folder, shard in shards.items() if shard is None]:
        raise MergeError(
            f"{first} is shard {one.shard}, {whole[0]} is no shard: merge the {one.shard.count} shards alone first, "
            "and the result with other folders"
        )
    for folder, shard in known.items():
        if set(shard.models) != set(one.models):
            raise MergeError(
                f"{first} is {one.text()}, {folder} is {shard.text()}: shards of different models; begin all with the "
                "same options"
            )
    check_complete({folder: shard.shard for folder, shard in known.items()}, "the models")
    return one.models


def check_nothing_missing(
    models: Iterable[str], found: Iterable[str], shards: Mapping[Path, ModelShard | None]
) -> None:
    """Refuses models that no folder has, as of a command that was interrupted.

    Raises:
        MergeError: a model is missing; the message names the shards to repeat.
    """
    there = set(found)
    if missing := [model for model in models if model not in there]:
        every = {shard.shard: folder for folder, shard in shards.items() if shard}
        raise MergeError(
            f"{listed(missing)} {_is(missing)} in none of the folders: a shard has not ended. Repeat its command in "
            f"its folder (one of {listed(str(folder) for folder in every.values())}), and merge again"
        )


def _is(missing: list[int] | list[str]) -> str:
    return "is" if len(missing) == 1 else "are"
