from __future__ import annotations

from pathlib import Path

import pytest

from harness.datasets.classes import INDEX, NAME, NUMBER, classes_of, indexed_classes
from harness.errors import AccuracyError

PLACE = Path("val")


def in_order(names: list[str], order: str = "") -> list[str]:
    index_of = classes_of(names, PLACE, order).index_of
    return sorted(index_of, key=index_of.__getitem__)


def test_folders_that_are_indices_are_taken_for_them() -> None:
    names = sorted(map(str, range(1000)))
    classes = classes_of(names, PLACE)
    assert classes.index_of == {name: int(name) for name in names}
    assert (classes.count, classes.open_ended, classes.caution) == (1000, False, "")
    assert classes.told == "classes, names are the class indices: 0 is 0, 1 is 1, 2 is 2, ..., 999 is 999"


@pytest.mark.parametrize(
    "names",
    [
        [f"class_{number}" for number in range(1, 13)],
        [str(number) for number in range(1, 103)],
        [f"s{number}" for number in (1, 2, 10, 40)],
        [f"{number}.{'abcdefghijkl'[number]}" for number in range(12)],
        [f"{'lkjihgfedcba'[number]}_{number}" for number in range(12)],
    ],
)
def test_numbered_names_are_counted_and_the_order_is_stated(names: list[str]) -> None:
    classes = classes_of(sorted(names), PLACE)
    assert in_order(sorted(names)) == names
    assert f"in the order of their numbers ({', '.join(names[:3])}, ...), not sorted as text" in classes.caution
    assert f"{names[0]} is 0, {names[1]} is 1" in classes.told
    assert in_order(names, NAME) == sorted(names)
    assert classes_of(names, PLACE, NUMBER).caution == "", "the user has stated it"


@pytest.mark.parametrize("names", [["dog", "cat"], ["class_02", "class_01"], ["2019", "2018"]])
def test_an_order_that_text_and_numbers_share_needs_no_caution(names: list[str]) -> None:
    classes = classes_of(names, PLACE)
    assert in_order(names) == sorted(names)
    assert classes.caution == ""
    assert classes.told == f"classes, sorted by name: {sorted(names)[0]} is 0, {sorted(names)[1]} is 1"


def test_a_stated_index_leaves_gaps() -> None:
    classes = classes_of(["281", "7"], PLACE, INDEX)
    assert (classes.index_of, classes.count, classes.open_ended) == ({"281": 281, "7": 7}, 282, True)
    assert classes.indices == (7, 281)


def test_numbers_beside_another_folder_are_not_sorted_as_text_in_silence() -> None:
    names = [*map(str, range(12)), "extra"]
    with pytest.raises(AccuracyError, match=r"val has classes that are numbers, and others \(extra\); remove those"):
        classes_of(names, PLACE)
    assert in_order(names, NAME) == sorted(names)
    assert in_order(["1", "0", "background"]) == ["0", "1", "background"], "as text and as numbers"
    with pytest.raises(AccuracyError, match=r"are numbers, and others \(01\)"):
        classes_of(["1", "01", "10", "2"], PLACE)


def test_wnids_are_imagenets_unless_stated_otherwise() -> None:
    names = ["n01443537", "n01440764"]
    classes = classes_of(names, PLACE)
    assert (classes.set_name, classes.count, classes.indices) == ("ImageNet", 1000, (0, 1))
    own = classes_of([*names, "n00000001"], PLACE, NAME)
    assert (own.set_name, own.count) == ("", 3)
    with pytest.raises(AccuracyError, match=r"not among ImageNet's 1,000 classes: n00000001; .*--class-order name"):
        classes_of([*names, "n00000001"], PLACE)


@pytest.mark.parametrize("order", [NUMBER, INDEX])
def test_an_order_by_numbers_needs_numbers(order: str) -> None:
    with pytest.raises(AccuracyError, match=f"without numbers, which --class-order {order} needs"):
        classes_of(["cat", "dog"], PLACE, order)


def test_labels_that_are_indices_do_not_bound_the_networks_classes() -> None:
    classes = indexed_classes([9, 3])
    assert (classes.count, classes.indices, classes.open_ended) == (10, (3, 9), True)
