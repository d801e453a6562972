"""shard.json beside the predictions for a shard of images: what putting the shards together needs to know."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.shard import Shard
from harness.accuracy.outcome import Remarks
from harness.datasets import ImageSet
from harness.errors import StorageError
from harness.files.storage import explained, replace_json

SHARD_NAME = "shard.json"


@dataclasses.dataclass(frozen=True)
class ShardRecord:
    """A shard of images, and how far its evaluation is."""

    shard: Shard
    images: str
    """Name of the whole set."""
    whole_digest: str
    """Its `ImageSet.digest`."""
    whole_count: int
    """Number of its images."""
    positions: tuple[int, ...]
    """Index in the whole set of each image of the shard, in the order of the predictions."""
    remarks: Mapping[str, Remarks]
    """By key, of the series that have seen all images of the shard."""

    @classmethod
    def of(cls, images: ImageSet, remarks: Mapping[str, Remarks]) -> ShardRecord:
        """The record of images that are a shard."""
        assert images.whole is not None
        whole = images.whole
        return cls(whole.shard, images.name, whole.digest, whole.count, whole.positions, remarks)

    def write(self, folder: Path) -> None:
        """Writes the record; that of series evaluated earlier stays in it.

        Raises:
            StorageError: it cannot be written.
        """
        earlier = read_shard(folder)
        remarks = {**(earlier.remarks if earlier else {}), **self.remarks}
        data = dataclasses.asdict(self)
        data |= {"shard": str(self.shard), "remarks": {key: one.to_json() for key, one in remarks.items()}}
        replace_json(folder / SHARD_NAME, data)


def read_shard(folder: Path) -> ShardRecord | None:
    """The record in a folder of predictions; None if they are of no shard.

    Raises:
        StorageError: it cannot be read, or is damaged.
    """
    path = folder / SHARD_NAME
    if not path.is_file():
        return None
    with explained(path):
        text = path.read_text(encoding="utf-8")
    try:
        data: dict[str, Any] = json.loads(text)
        remarks = {key: Remarks.from_json(one) for key, one in data["remarks"].items()}
        shard, positions = Shard.of(data["shard"]), tuple(data["positions"])
        return ShardRecord(**{**data, "shard": shard, "positions": positions, "remarks": remarks})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{path} is damaged ({error!r}). Repeat the evaluation of this shard.") from error
