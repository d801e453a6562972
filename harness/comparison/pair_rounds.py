"""Pairs of many series in rounds, each round in a random order of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from harness.comparison.pair import Pairing, PairResult

MeasurePair = Callable[[Pairing, int, bool], PairResult]
"""Measures a pairing with a seed, swapped or not."""


class Listener(Protocol):
    """Follows the progress of the pairs."""

    def begin(self, stage: str, pairs: int) -> None:
        """A stage with this number of pairs begins."""

    def pair(self, pairing: Pairing, result: PairResult) -> None:
        """A pair ended."""

    def repeated(self, pairing: Pairing) -> None:
        """A pair was disturbed throughout, and is measured again."""


def pair_rounds(
    stage: str,
    pairings: Sequence[Pairing],
    pairs: int,
    measure: MeasurePair,
    repeats: int,
    seed: int,
    listener: Listener,
) -> dict[Pairing, list[PairResult]]:
    """Measures pairs of every series; a series that fails is not tried again.

    Args:
        stage: name of the stage, for the listener and the random order.
        pairings: the series.
        pairs: number of pairs of each.
        measure: measures one pair.
        repeats: largest number of repetitions, per series, of pairs that were disturbed throughout.
        seed: seed of the order, the sides' places and the inputs.
        listener: follows every pair.
    """
    listener.begin(stage, pairs * len(pairings))
    generator = random.Random(f"{seed}-{stage}")
    places = {one: _places(pairs, generator) for one in pairings}
    found: dict[Pairing, list[PairResult]] = {one: [] for one in pairings}
    spare = dict.fromkeys(pairings, repeats)
    for round_ in range(pairs):
        order = list(pairings)
        generator.shuffle(order)
        for one in order:
            if found[one] and found[one][-1].status != "ok":
                continue
            result = measure(one, generator.randrange(2**31), places[one][round_])
            # Judged by the disturbance alone, before anyone looks at which side was slower.
            while result.contaminated and spare[one]:
                spare[one] -= 1
                listener.repeated(one)
                result = measure(one, generator.randrange(2**31), places[one][round_])
            listener.pair(one, result)
            found[one].append(result)
    return found


def _places(pairs: int, generator: random.Random) -> list[bool]:
    """Draws the sides' places in each pair: half and half, in random order."""
    places = [index % 2 == 0 for index in range(pairs)]
    generator.shuffle(places)
    return places
