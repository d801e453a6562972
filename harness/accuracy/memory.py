"""How much memory there is, how many images fit into it, and which networks stay open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.preprocessing import Pipeline

from foundation.units import BYTES_PER_MIB

_MOST_IMAGES = 1024
"""Of a chunk: further ones would make nothing faster, and what is finished would reach the disk later."""

_FLOAT_BYTES = 4

# Limit and use of this process's control group: version 2, then 1.
_CGROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def free_memory_mib(cgroup_root: Path = Path("/sys/fs/cgroup")) -> int:
    """What may still be used without swapping, within the limit of the container where there is one."""
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
    """What one image takes while it is evaluated by networks of these pipelines.

    Its crops lie in memory twice, of this chunk and the next, and the inputs of one pipeline at a time.
    """
    distinct = set(pipelines)
    crops = {pipeline.resampling for pipeline in distinct}
    resampled = sum(3 * crop.crop_px**2 * crop.dtype.itemsize for crop in crops)
    normalised = max((3 * _FLOAT_BYTES * pipeline.resolution_px**2 for pipeline in distinct), default=0)
    return 2 * resampled + normalised


def fitting_images(pipelines: Iterable[Pipeline], budget_bytes: int) -> int:
    """Images that fit into the memory, at most as many as a chunk has."""
    return min(_MOST_IMAGES, budget_bytes // max(1, image_bytes(pipelines)))


def chunk_images(batches: Iterable[int], fitting: int) -> int:
    """Images of a chunk: what fits, in whole batches of every network.

    A batch thus begins at the same image in every pass, whatever else is evaluated: a result depends neither on the
    memory nor on the other networks.
    """
    whole = math.lcm(*batches)
    return max(whole, fitting - fitting % whole)


def batches_together(batches: Iterable[int], fitting: int) -> list[tuple[int, ...]]:
    """The batch sizes in groups, each with a common multiple that fits or is one of them.

    Whole batches of 37, 50 and 64 images are 59,200 images, whatever the memory.
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
    """Decides which networks stay open between two chunks: as many as fit, the first ones.

    Chunk after chunk every network has its turn, so keeping the newest ones would close each just before it is
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
            key: of the series.
            taken_mib: what it takes.
        """
        if key in self._taken_mib:
            return True
        full = self._most is not None and len(self._taken_mib) >= self._most
        if full or sum(self._taken_mib.values()) + taken_mib > self._budget_mib:
            return False
        self._taken_mib[key] = taken_mib
        return True

    def closed(self, key: str) -> None:
        """A network is no longer open."""
        self._taken_mib.pop(key, None)

    def all_closed(self) -> None:
        """The process that held them ended."""
        self._taken_mib.clear()

    def fewer_than(self, count: int) -> None:
        """So many were too many, whatever they seemed to take."""
        self._most = max(0, count - 1)
