"""One share of a job that several processes or machines do without talking to each other: `--shard 2/8`."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping

_TEXT = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of `count` shares, which together hold each thing exactly once."""

    number: int
    """From 1 on."""
    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """The shard of `2/8`.

        Raises:
            ValueError: the text is anything else, or there is no such shard.
        """
        match = _TEXT.fullmatch(text.strip())
        if not match:
            raise ValueError(f"{text!r} is not a shard; write 2/8 for the second of eight")
        number, count = int(match[1]), int(match[2])
        if not 1 <= number <= count:
            raise ValueError(f"{text}: shards are numbered from 1/{max(count, 1)} to {max(count, 1)}/{max(count, 1)}")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, name: str) -> bool:
        """Whether a thing is in this shard, by the SHA-256 of its name alone.

        So it does not depend on which other things there are, or on the order in which they are listed. Shards of many
        things are about as large as each other.
        """
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def dealt(self, costs: Mapping[str, float]) -> set[str]:
        """The things of this shard, where few things of unequal cost are to be shared out evenly.

        The dearest are dealt first, to and fro. What a shard gets depends on all names and costs, not on their order.

        Args:
            costs: the cost of each thing, in any unit, by its name.
        """
        ordered = sorted(costs, key=lambda name: (-costs[name], name))
        hand = self.number - 1
        places = (hand, 2 * self.count - 1 - hand)
        return {name for place, name in enumerate(ordered) if place % (2 * self.count) in places}
