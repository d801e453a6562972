from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.datasets import ImageSet, open_images, output_labels
from tests.fakes.data_sets import Files

Open = Callable[..., ImageSet]


@pytest.fixture
def opened(tmp_path: Path, write_files: Callable[..., Path]) -> Open:
    def open_classes(*names: str, order: str = "") -> ImageSet:
        files = {f"{name}/{name}.jpg": b"" for name in names}
        return open_images(write_files(tmp_path / "val", files), class_order=order)

    return open_classes


def test_a_networks_own_classes_are_the_labels(tmp_path: Path, sorted_in_folders: Files, write_files) -> None:
    images = open_images(write_files(tmp_path, sorted_in_folders))
    found = output_labels(images, 1000, "regnet/RegNetX-200MF")
    assert not isinstance(found, str)
    assert (found.labels, found.classes, found.note) == ((), 1000, "")
    reason = output_labels(images, 10, "lanet/lanet")
    assert reason == (
        "1,000-class labels (ImageNet) for a 10-class model (lanet/lanet); give images of the model's own classes "
        "(these name 4)"
    )


def test_a_network_of_the_sets_few_classes_predicts_them_in_order(opened: Open) -> None:
    images = opened("n02979186", "n01440764", "n03000684")
    found = output_labels(images, 3, "own/imagenette")
    assert not isinstance(found, str)
    assert (found.labels, found.classes) == (tuple(images.class_indices), 3)
    assert images.class_indices == (0, 482, 491)
    assert found.note == "its 3 outputs are taken for the 3 classes of the images, in the order of the wnids"


def test_indices_leave_room_for_further_classes(opened: Open) -> None:
    assert isinstance(output_labels(opened("7", "281"), 1000, "a"), str)
    images = opened("7", "281", order="index")
    found = output_labels(images, 1000, "a")
    assert not isinstance(found, str)
    assert (found.labels, found.classes) == ((), 1000)
    assert output_labels(images, 281, "a") == (
        "282-class labels (val) for a 281-class model (a); give images of the model's own classes"
    )


def test_folders_of_numbers_with_gaps_say_how_to_state_indices(opened: Open) -> None:
    reason = output_labels(opened("7", "281"), 1000, "a")
    assert isinstance(reason, str)
    assert "(--class-order index)" in reason


@pytest.mark.parametrize(("background", "labels"), [(0, (3, 0, 1, 2)), (3, (0, 1, 2, 3)), (1, (0, 3, 1, 2))])
def test_a_background_class_has_a_label_of_its_own(opened: Open, background: int, labels: tuple[int, ...]) -> None:
    images = opened("a", "b", "c")
    found = output_labels(images, 4, "net", background)
    assert not isinstance(found, str)
    assert (found.labels, found.classes) == (labels, 3)
    assert not isinstance(output_labels(images, 3, "other", background), str), "a network without one, beside it"


def test_one_output_more_asks_for_the_background_class(opened: Open) -> None:
    reason = output_labels(opened("a", "b", "c"), 4, "net")
    assert isinstance(reason, str)
    assert "state which one it is (--background-class 0, or 3)" in reason
    assert output_labels(opened("a", "b", "c"), 4, "net", 4) == "--background-class 4: net has outputs from 0 to 3"
