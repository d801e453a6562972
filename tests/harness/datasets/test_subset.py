from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.protocol import LabelledImage
from harness.datasets.subset import balanced

COUNTS = st.lists(st.integers(1, 12), min_size=1, max_size=8)


def _items(counts: list[int]) -> list[LabelledImage]:
    return [LabelledImage(f"{label}_{number}", label) for label, count in enumerate(counts) for number in range(count)]


@given(COUNTS, st.integers(1, 60), st.integers(0, 9))
def test_classes_have_as_equal_shares_as_their_images_allow(counts: list[int], limit: int, seed: int) -> None:
    items = _items(counts)
    chosen = balanced(items, limit, seed)
    assert len(chosen) == len(set(chosen)) == min(limit, len(items))
    assert chosen == sorted(chosen)
    taken = Counter(items[index].label for index in chosen)
    most = max(taken.values())
    assert all(taken[label] >= min(count, most - 1) for label, count in enumerate(counts))


@given(COUNTS, st.integers(1, 60), st.integers(0, 9))
def test_a_smaller_subset_is_part_of_a_larger_one(counts: list[int], limit: int, seed: int) -> None:
    items = _items(counts)
    assert set(balanced(items, limit, seed)) <= set(balanced(items, limit + 1, seed))


@given(COUNTS, st.integers(1, 60), st.randoms())
def test_the_order_of_the_listing_does_not_matter(counts: list[int], limit: int, shuffler: random.Random) -> None:
    items = _items(counts)
    shuffled = items.copy()
    shuffler.shuffle(shuffled)
    names = {items[index].name for index in balanced(items, limit, 0)}
    assert {shuffled[index].name for index in balanced(shuffled, limit, 0)} == names


def test_the_seed_decides_images_and_classes() -> None:
    items = _items([10] * 10)
    subsets = {tuple(balanced(items, 5, seed)) for seed in range(20)}
    assert len(subsets) > 15
    assert len({items[index].label for subset in subsets for index in subset}) == 10


@pytest.mark.parametrize(("limit", "expected"), [(3, ["a2", "b2", "c0"]), (4, ["a0", "a2", "b2", "c0"])])
def test_a_subset_stays_the_same_from_version_to_version(limit: int, expected: list[str]) -> None:
    items = [LabelledImage(f"{name}{number}", "abc".index(name)) for name in "abc" for number in range(3)]
    assert [items[index].name for index in balanced(items, limit, 7)] == expected
