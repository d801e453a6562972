from __future__ import annotations

from typing import Any

import pytest

from harness.files.shapes import batch_of, classes_of, first_image, image_axes, is_picture, resolution_of


@pytest.mark.parametrize(
    ("shape", "batch", "resolution", "picture"),
    [
        ((4, 3, 64, 64), 4, 64, True),
        ((1, 3, 64, 48), 1, None, True),
        ((2, 64, 64, 3), 2, 64, True),
        ((2, 64, 48, 1), 2, None, True),
        ((1, 1, 28, 28), 1, 28, True),
        ((1, 12, 64, 64), 1, 64, False),
        # Channels first where both could be channels.
        ((1, 3, 32, 3), 1, None, True),
        ((3, 224, 224), 1, 224, True),
        ((8, 128, 80), 8, None, False),
        ((8, 128), 8, None, False),
        ((16000,), 1, None, False),
        ((), 1, None, False),
        (("batch", 3, "height", "width"), None, None, True),
        (("batch", "", "", ""), None, None, True),
        (("", 3, 64, 64), None, 64, True),
        (("batch", 64, "h", "w"), None, None, False),
        ((1, 3, 8, 64, 64), 1, None, False),
    ],
)
def test_a_shape_says_batch_and_resolution(
    shape: tuple[Any, ...], batch: int | None, resolution: int | None, picture: bool
) -> None:
    assert (batch_of(shape), resolution_of(shape), is_picture(shape)) == (batch, resolution, picture)


def test_the_image_is_found_among_the_inputs() -> None:
    assert first_image([(1, 128), (1, 3, 64, 64), (1, 1, 8, 8)]) == 1
    assert first_image([(1, 128), (2, 1, 128), ()]) == 0
    assert image_axes((1, 128)) is None


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ((1, 1000), 1000),
        (("batch", 1000), 1000),
        ((1, "classes"), None),
        ((1, 1000, 1, 1), 1000),
        ((1, 1, 1, 1001), 1001),
        ((1, 1, 1, 1), 1),
        ((1, 21, 64, 64), None),
        ((1, 64, 64, 21), None),
        ((1, 100, 4), None),
        ((1000,), None),
        ((), None),
    ],
)
def test_an_output_says_its_classes(shape: tuple[Any, ...], classes: int | None) -> None:
    assert classes_of(shape) == classes
