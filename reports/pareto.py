"""The latency/accuracy frontier: rows that no other row beats in both."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_frontier(latency_ms: Sequence[float], accuracy_percent: Sequence[float]) -> list[int]:
    """Positions of the points on the frontier, fastest first.

    A point is on it unless another is at least as fast and at least as accurate, and better in one
    of the two. Of points equal in both, either all are on it or none.

    Raises:
        ValueError: the two sequences differ in length.
    """
    points = list(zip(latency_ms, accuracy_percent, strict=True))
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    frontier: list[int] = []
    for i in order:
        if not frontier or points[i][1] > points[frontier[-1]][1] or points[i] == points[frontier[-1]]:
            frontier.append(i)
    return frontier


def excess_percent(latency_ms: Sequence[float], accuracy_percent: Sequence[float]) -> list[float]:
    """How much slower each point is than the fastest that is at least as accurate, in percent; 0 on the frontier.

    Raises:
        ValueError: the two sequences differ in length.
    """
    points = list(zip(latency_ms, accuracy_percent, strict=True))
    return [100 * (ms / min(other for other, as_good in points if as_good >= top1) - 1) for ms, top1 in points]
