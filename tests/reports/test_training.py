"""What networks learned from, in words."""

from __future__ import annotations

import pandas
import pytest

from reports.training import difference, is_other_data, usual_data

ONE_K = "ImageNet-1k"
TWELVE_K, JFT = f"{ONE_K} + ImageNet-12k", f"{ONE_K} + JFT-300M (unlabelled)"


def test_the_usual_data_are_the_most_frequent_whatever_came_in_addition() -> None:
    assert usual_data(pandas.Series(["CIFAR-10", JFT, ONE_K, "", ""])) == ONE_K
    assert usual_data(pandas.Series([JFT, TWELVE_K])) == ONE_K
    assert usual_data(pandas.Series(["", ""])) == ""


def test_more_and_another_data_set_differ_and_the_unknown_do_not() -> None:
    data = pandas.Series([ONE_K, JFT, "CIFAR-10", ""])
    assert is_other_data(data, ONE_K).to_list() == [False, True, True, False]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], ""),
        ([JFT], "also saw JFT-300M (unlabelled)"),
        ([JFT, TWELVE_K, JFT], "also saw ImageNet-12k or JFT-300M (unlabelled)"),
        (
            [TWELVE_K, f"{JFT}, through the teacher"],
            "also saw, or their teacher did, ImageNet-12k or JFT-300M (unlabelled)",
        ),
        ([JFT, f"{JFT}, through the teacher"], "also saw, or their teacher did, JFT-300M (unlabelled)"),
        (["CIFAR-10", JFT], "also saw JFT-300M (unlabelled) or learned from CIFAR-10"),
    ],
)
def test_a_difference_is_said_once_for_each_data_set(data: list[str], said: str) -> None:
    assert difference(data, ONE_K) == said
