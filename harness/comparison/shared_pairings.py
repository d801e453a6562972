"""Series of a gate with the same artifacts on both sides: one of them is measured, and the others repeat its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from harness.comparison.gate import GateResult
from harness.comparison.pair import Pairing


def measured_as(pairings: Iterable[Pairing]) -> dict[Pairing, Pairing]:
    """By pairing, the one that is measured for it: the first with the same artifacts, precisions and batch."""
    first: dict[tuple[object, ...], Pairing] = {}
    return {one: first.setdefault(_measurement(one), one) for one in pairings}


def _measurement(one: Pairing) -> tuple[object, ...]:
    """What a pair of processes measures, whatever the model is called and wherever its files are."""
    sides = (
        (side.sha256 or side.artifact, side.precision, side.companions, side.backend) for side in (one.base, one.new)
    )
    return (*sides, one.batch)


def with_shared(found: Iterable[GateResult], shared: Mapping[Pairing, Pairing]) -> list[GateResult]:
    """The results of all pairings, in their order.

    Args:
        found: the results of the pairings that were measured.
        shared: from `measured_as`.
    """
    results = {one.pairing: one for one in found}
    return [
        dataclasses.replace(results[measured], pairing=one, measured_as="" if measured == one else measured.model)
        for one, measured in shared.items()
    ]
