"""A part of a data set that represents the whole."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from harness.datasets.protocol import LabelledImage


def balanced(items: Sequence[LabelledImage], limit: int, seed: int) -> list[int]:
    """Indices of at most `limit` items, ascending, spread over the classes as evenly as their images allow.

    All items have one order: first one image of every class, then a second of each, and so on; a digest of the seed
    and the name decides which image and which class come first. A subset is a prefix of that order, so a larger one
    contains it, and neither the listing of a folder nor the version of a random generator changes it.
    """
    members = defaultdict(list)
    for index, item in enumerate(items):
        members[item.label].append(index)
    order = [
        (turn, _draw(seed, f"class {label}"), index)
        for label, indices in members.items()
        for turn, index in enumerate(sorted(indices, key=lambda index: _draw(seed, items[index].name)))
    ]
    return sorted(index for _, _, index in sorted(order)[:limit])


def _draw(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode("utf-8", "surrogateescape")).digest()
