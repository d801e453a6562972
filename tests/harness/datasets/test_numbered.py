from __future__ import annotations

import pytest

from harness.datasets.numbered import are_indices, numbers_in, sorts_otherwise


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["10", "9", "0"], [10, 9, 0]),
        (["class_12", "class_1"], [12, 1]),
        (["class-1-fold", "class-10-fold"], [1, 10]),
        (["001.Black_footed_Albatross", "002.Laysan_Albatross"], [1, 2]),
        (["1_rose", "0_tulip", "2_daisy"], [1, 0, 2]),
        (["tench0", "goldfish1"], [0, 1]),
        (["size_10", "size_100", "size_25"], [10, 100, 25]),
        (["v1.2", "v1.10"], [2, 10]),
    ],
)
def test_the_number_of_each_name(names: list[str], numbers: list[int]) -> None:
    assert numbers_in(names) == dict(zip(names, numbers, strict=True))


@pytest.mark.parametrize(
    "names",
    [
        ["cat", "dog"],
        ["3m", "76", "7up"],
        ["1", "01"],
        ["class_1", "other"],
        ["cat2", "dog7"],
        ["1" * 5000, "2"],
        ["²", "³"],
    ],
)
def test_names_with_numbers_that_do_not_count_are_not_numbered(names: list[str]) -> None:
    assert numbers_in(names) is None


def test_where_text_and_numbers_have_one_order() -> None:
    assert not sorts_otherwise(["001", "010", "100"], int)
    assert sorts_otherwise(["1", "10", "2"], int)


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["0", "2", "1"], True), (["000", "001"], True), (["1", "2"], False), (["0", "2"], False), (["a", "0"], False)],
)
def test_indices_are_the_numbers_from_0_on(names: list[str], expected: bool) -> None:
    assert are_indices(names) is expected
