"""A data set: a store with labels."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foundation.shard import Shard
from harness.datasets.classes import Classes
from harness.datasets.protocol import LabelledImage, Whole
from harness.datasets.store import Store
from harness.datasets.subset import balanced


@dataclasses.dataclass(frozen=True)
class StoredImages:
    """See `ImageSet`."""

    name: str
    classes: int
    items: tuple[LabelledImage, ...]
    positions: tuple[int, ...]
    """Position of each item in the store."""
    store: Store
    class_indices: tuple[int, ...]
    """See `ImageSet.class_indices`."""
    open_ended: bool = False
    """See `ImageSet.open_ended`."""
    told: str = ""
    """See `ImageSet.told`."""
    caution: str = ""
    """See `ImageSet.caution`."""
    whole: Whole | None = None
    """See `ImageSet.whole`."""

    @functools.cached_property
    def digest(self) -> str:
        """See `ImageSet.digest`."""
        lines = [f"{self.classes}\n", *(f"{item.label} {item.name}\n" for item in self.items)]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def encoded(self) -> bool:
        """See `ImageSet.encoded`."""
        return self.store.encoded

    @functools.cached_property
    def sizes_bytes(self) -> tuple[int, ...]:
        """See `ImageSet.sizes_bytes`."""
        return tuple(self.store.sizes_bytes[position] for position in self.positions)

    def read(self, index: int) -> bytes | NDArray[np.uint8]:
        """See `ImageSet.read`."""
        return self.store.read(self.positions[index])

    def location(self, index: int) -> str:
        """See `ImageSet.location`."""
        return self.store.location(self.positions[index])

    def subset(self, limit: int, seed: int) -> StoredImages:
        """At most `limit` of the images, spread evenly over the classes."""
        return self._chosen(balanced(self.items, limit, seed))

    def part(self, shard: Shard) -> StoredImages:
        """The images whose names the shard holds."""
        chosen = [index for index, item in enumerate(self.items) if shard.holds(item.name)]
        return dataclasses.replace(
            self._chosen(chosen), whole=Whole(shard, self.digest, len(self.items), tuple(chosen))
        )

    def _chosen(self, indices: Sequence[int]) -> StoredImages:
        return dataclasses.replace(
            self,
            items=tuple(self.items[index] for index in indices),
            positions=tuple(self.positions[index] for index in indices),
        )


def label(name: str, classes: Classes, store: Store, labels: Sequence[int]) -> StoredImages:
    """A data set of a store's images and their labels, which are in the store's order.

    Images are named by their file's name alone if these names are unique, so that a set is the same in every layout.
    """
    names = [path.rpartition("/")[2] for path in store.names]
    if len(set(names)) < len(names):
        names = list(store.names)
    order = sorted(range(len(names)), key=names.__getitem__)
    return StoredImages(
        name=name,
        classes=classes.count,
        items=tuple(LabelledImage(names[position], labels[position]) for position in order),
        positions=tuple(order),
        store=store,
        class_indices=classes.indices,
        open_ended=classes.open_ended,
        told=classes.told,
        caution=classes.caution,
    )
