"""The frontier against its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pareto import excess_percent, pareto_frontier

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


@given(_POINTS)
def test_a_point_of_the_frontier_has_no_excess_and_every_other_is_no_faster(points: list[tuple[float, float]]) -> None:
    sides = ([point[0] for point in points], [point[1] for point in points])
    excess = excess_percent(*sides)
    assert all(excess[at] == 0 for at in pareto_frontier(*sides))
    assert all(one >= 0 for one in excess)


def test_the_excess_is_over_the_fastest_that_is_at_least_as_accurate() -> None:
    assert excess_percent([1.0, 2.0, 3.0, 8.0], [70.0, 75.0, 74.0, 75.0]) == pytest.approx([0, 0, 50, 300])
