from __future__ import annotations

from typing import Any

import pytest

from harness.artifacts.input_shapes import AskedShapes, fixed_shapes
from harness.errors import ArtifactError
from harness.files.onnx_graph import OnnxGraph, OnnxValue


def graph(**shapes: Any) -> OnnxGraph:
    inputs = tuple(OnnxValue(name, "float32", shape) for name, shape in shapes.items())
    return OnnxGraph(8, 17, (), inputs)


IMAGES = ("batch", 3, "height", "width")


@pytest.mark.parametrize(
    ("shape", "asked", "fixed"),
    [
        ((4, 3, 8, 8), AskedShapes(batch=2), (4, 3, 8, 8)),
        (("N", 3, 8, 8), AskedShapes(), (1, 3, 8, 8)),
        (("", 3, 8, 8), AskedShapes(batch=8), (8, 3, 8, 8)),
        (IMAGES, AskedShapes(resolution=64), (1, 3, 64, 64)),
        (("", 48, "", 3), AskedShapes(resolution=64), (1, 48, 64, 3)),
        ((1, 12, "h", "w"), AskedShapes(resolution=64), (1, 12, 64, 64)),
        ((3, "h", "w"), AskedShapes(resolution=64), (3, 64, 64)),
        (IMAGES, AskedShapes(shapes={"x": (2, 3, 64, 48)}), (2, 3, 64, 48)),
        (None, AskedShapes(shapes={"x": (2, 3)}), (2, 3)),
        (("batch", "time"), AskedShapes(shapes={"x": (1, 128)}), (1, 128)),
        (("batch", 128), AskedShapes(), (1, 128)),
        ((), AskedShapes(), ()),
    ],
)
def test_sizes_are_as_asked(shape: Any, asked: AskedShapes, fixed: tuple[int, ...]) -> None:
    found = fixed_shapes(graph(x=shape), asked)
    assert found.shapes == {"x": fixed}
    assert not any("assumed" in note for note in found.notes)


def test_what_was_fixed_is_said() -> None:
    assert fixed_shapes(graph(x=(1, 3, 8, 8)), AskedShapes()).notes == ()
    found = fixed_shapes(graph(x=IMAGES), AskedShapes(batch=2, resolution=64))
    assert found.notes == ("input 'x' [batch, 3, height, width] is fixed at 2x3x64x64",)
    assert found.symbols == {"batch": 2, "height": 64, "width": 64}


@pytest.mark.parametrize(
    ("shape", "fixed", "assumed"),
    [
        (IMAGES, (1, 3, 224, 224), "(224 pixels assumed, state them with --resolution or --shape)"),
        (("", 48, "", 3), (1, 48, 224, 3), "(224 pixels assumed"),
        (("", "", 32, 32), (1, 3, 32, 32), "(3 channels assumed, state them with --shape)"),
    ],
)
def test_what_was_assumed_is_said(shape: Any, fixed: tuple[int, ...], assumed: str) -> None:
    found = fixed_shapes(graph(x=shape), AskedShapes())
    assert found.shapes == {"x": fixed}
    assert assumed in found.notes[0]


def test_sizes_of_one_name_are_equal() -> None:
    inputs = graph(ids=("batch", "tokens"), mask=("batch", "tokens"), images=("batch", 3, 8, 8))
    found = fixed_shapes(inputs, AskedShapes(shapes={"mask": (2, 64)}))
    assert found.shapes == {"ids": (2, 64), "mask": (2, 64), "images": (2, 3, 8, 8)}
    with pytest.raises(
        ArtifactError, match=r"--shape mask:2x32 does not fit the input \[batch, tokens\]: dimension 1 is 64"
    ):
        fixed_shapes(inputs, AskedShapes(shapes={"ids": (2, 64), "mask": (2, 32)}))


@pytest.mark.parametrize(
    ("shape", "asked", "message"),
    [
        (("batch", "tokens"), AskedShapes(), r"input 'x' \[batch, tokens\] leaves sizes free .* --shape x:1xN"),
        (("batch", 64, "h", "w"), AskedShapes(), r"--shape x:1x64xNxN"),
        (("batch", "time", 80), AskedShapes(resolution=64), r"--shape x:1xNx80"),
        (("time",), AskedShapes(), r"--shape x:N"),
        (None, AskedShapes(), "input 'x' has no shape"),
        ((1, 3, 8, 8), AskedShapes(shapes={"x": (1, 3, 16, 16)}), "dimension 2 is 8"),
        (IMAGES, AskedShapes(shapes={"x": (3, 16, 16)}), "has 3 dimensions, but"),
    ],
)
def test_what_cannot_be_known_is_asked_for(shape: Any, asked: AskedShapes, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        fixed_shapes(graph(x=shape), asked)


def test_all_inputs_that_need_a_shape_are_named_at_once() -> None:
    shapes = {"audio": ("", ""), "state": (2, "", 128), "mask": (1, 64)}
    message = r"inputs 'audio' .* and 'state' .* leave sizes free .*: --shape audio:1xN --shape state:2xNx128$"
    with pytest.raises(ArtifactError, match=message):
        fixed_shapes(graph(**shapes), AskedShapes())
    with pytest.raises(ArtifactError, match=r"input 'state' .*: --shape state:2xNx128$"):
        fixed_shapes(graph(**shapes), AskedShapes(shapes={"audio": (1, 512)}))


def test_a_resolution_that_changes_nothing_is_said() -> None:
    found = fixed_shapes(graph(x=("batch", 3, 32, 32)), AskedShapes(resolution=64))
    assert found.notes[-1] == "the file fixes its resolution at 32, so --resolution 64 has no effect"
    assert len(fixed_shapes(graph(x=("batch", 3, 32, 32)), AskedShapes(resolution=32)).notes) == 1
    assert fixed_shapes(graph(x=(1, 128)), AskedShapes(resolution=32)).notes == ()


def test_a_batch_that_changes_nothing_is_said() -> None:
    note = "the file fixes its batch at 2, so --batch 4 has no effect"
    assert fixed_shapes(graph(x=(2, 3, 32, 32)), AskedShapes(batch=4)).notes == (note,)
    for shape, batch in (((2, 3, 32, 32), 2), ((2, 3, 32, 32), 1)):
        assert fixed_shapes(graph(x=shape), AskedShapes(batch=batch)).notes == ()
    assert note not in fixed_shapes(graph(x=("batch", 3, 32, 32)), AskedShapes(batch=4)).notes
