"""The frontier against its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pareto import pareto_frontier

# Few distinct values, so that ties are common.
_POINTS = st.lists(st.tuples(st.integers(1, 6).map(float), st.integers(1, 6).map(float)), max_size=12)


def _by_definition(points: list[tuple[float, float]]) -> set[int]:
    def beaten(latency_ms: float, accuracy_percent: float) -> bool:
        return any(
            other_ms <= latency_ms
            and other_percent >= accuracy_percent
            and (other_ms, other_percent) != (latency_ms, accuracy_percent)
            for other_ms, other_percent in points
        )

    return {i for i, point in enumerate(points) if not beaten(*point)}


@given(_POINTS)
def test_it_is_what_the_definition_says(points: list[tuple[float, float]]) -> None:
    frontier = pareto_frontier([point[0] for point in points], [point[1] for point in points])
    assert set(frontier) == _by_definition(points)
    assert len(set(frontier)) == len(frontier)
    assert [points[i] for i in frontier] == sorted(points[i] for i in frontier)


def test_of_equal_latency_only_the_more_accurate_is_on_it() -> None:
    assert pareto_frontier([5.0, 5.0, 4.0], [70.0, 71.0, 60.0]) == [2, 1]


def test_no_points_have_no_frontier() -> None:
    assert pareto_frontier([], []) == []


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="zip"):
        pareto_frontier([1.0], [])
