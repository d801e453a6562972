"""Available memory, the number of images that fit into it, and the networks that stay open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.preprocessing import Pipeline

from foundation.units import BYTES_PER_MIB

_MOST_IMAGES = 1024
"""Images of the largest chunk: more would not be faster, and results would reach the disk later."""

_FLOAT_BYTES = 4

# Limit and use of this process's control group: version 2, then 1.
_CGROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def free_memory_mib(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that can be used without swapping, within the container's limit if there is one."""
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit_name, used_name in _CGROUP_FILES:
        try:
            limit, used = ((cgroup_root / name).read_text().strip() for name in (limit_name, used_name))
        except OSError:
            continue
        if limit.isdigit() and used.isdigit():
            free = min(free, max(0, int(limit) - int(used)))
    return free // BYTES_PER_MIB


def image_bytes(pipelines: Iterable[Pipeline]) -> int:
    """Memory that one image takes while networks with these pipelines evaluate it.

    Crops are in memory for two chunks, this one and the next; inputs are in memory for one pipeline at a time.
    """
    distinct = set(pipelines)
    crops = {pipeline.resampling for pipeline in distinct}
    resampled = sum(3 * crop.crop_px**2 * crop.dtype.itemsize for crop in crops)
    normalised = max((3 * _FLOAT_BYTES * pipeline.resolution_px**2 for pipeline in distinct), default=0)
    return 2 * resampled + normalised


def fitting_images(pipelines: Iterable[Pipeline], budget_bytes: int) -> int:
    """Number of images that fit into the memory, at most that of the largest chunk."""
    return min(_MOST_IMAGES, budget_bytes // max(1, image_bytes(pipelines)))


def chunk_images(batches: Iterable[int], fitting: int) -> int:
    """Number of images in a chunk: what fits, in whole batches of every network.

    Thus a batch begins at the same image in every pass, whatever else is evaluated: results depend neither on the
    memory nor on the other networks.
    """
    whole = math.lcm(*batches)
    return max(whole, fitting - fitting % whole)


def batches_together(batches: Iterable[int], fitting: int) -> list[tuple[int, ...]]:
    """The batch sizes in groups whose least common multiple fits, or equals the group's largest size.

    In one group, whole batches of 37, 50 and 64 images would need chunks of 59,200 images, whatever the memory.
    """
    groups: list[tuple[int, ...]] = []
    for batch in sorted(set(batches), reverse=True):
        for position, group in enumerate(groups):
            if math.lcm(*group, batch) <= max(fitting, group[0]):
                groups[position] = (*group, batch)
                break
        else:
            groups.append((batch,))
    return groups


class OpenNetworks:
    """Decides which networks stay open between two chunks: the first ones, as many as fit.

    Every network has its turn in every chunk, so keeping the most recent ones would close each just before it is
    needed again.
    """

    def __init__(self, budget_mib: float) -> None:
        self._budget_mib = budget_mib
        self._taken_mib: dict[str, float] = {}
        self._most: int | None = None

    def __len__(self) -> int:
        return len(self._taken_mib)

    def keep(self, key: str, taken_mib: float) -> bool:
        """Whether a network that was just evaluated stays open.

        Args:
            key: key of the series.
            taken_mib: memory that the network takes.
        """
        if key in self._taken_mib:
            return True
        full = self._most is not None and len(self._taken_mib) >= self._most
        if full or sum(self._taken_mib.values()) + taken_mib > self._budget_mib:
            return False
        self._taken_mib[key] = taken_mib
        return True

    def closed(self, key: str) -> None:
        """Records that a network is no longer open."""
        self._taken_mib.pop(key, None)

    def all_closed(self) -> None:
        """Records that the process that held the networks ended."""
        self._taken_mib.clear()

    def fewer_than(self, count: int) -> None:
        """Records that `count` networks were too many, whatever they seemed to take."""
        self._most = max(0, count - 1)
