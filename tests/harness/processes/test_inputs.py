from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.backends.session import TensorSpec
from harness.errors import ArtifactError, HarnessError
from harness.processes.inputs import Feed, seeded_values, several_values

IMAGES = TensorSpec("images", (2, 3, 8, 8), "float32")


def values(*inputs: TensorSpec, feed: str = "", seed: int = 1) -> dict[str, npt.NDArray[Any]]:
    return seeded_values(inputs, seed, Feed.of(feed))


def one(spec: TensorSpec, feed: str = "") -> npt.NDArray[Any]:
    (array,) = values(spec, feed=feed).values()
    assert (array.shape, str(array.dtype)) == (spec.shape, spec.dtype)
    return array


def test_several_inferences_use_up_a_file_and_draw_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.arange(5 * 3 * 8 * 8, dtype=np.float32).reshape(5, 3, 8, 8))
    scale = TensorSpec("scale", (1,), "float32")
    found = several_values([IMAGES, scale], 16, Feed.of(str(path)))
    assert [one["images"][:, 0, 0, 0].tolist() for one in found] == [[0, 192], [384, 576], [768, 0]]
    assert len({float(one["scale"][0]) for one in found}) == 3


def test_as_many_inferences_are_drawn_as_asked_where_there_is_no_file() -> None:
    found = several_values([IMAGES], 4, Feed.of("0:1"))
    assert len(found) == 4
    assert not np.array_equal(found[0]["images"], found[1]["images"])


def test_images_are_standard_normal_as_ever() -> None:
    expected = np.random.default_rng(1).standard_normal((2, 3, 8, 8), dtype=np.float32)
    np.testing.assert_array_equal(one(IMAGES), expected)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_are_normal_too(dtype: str) -> None:
    array = one(TensorSpec("x", (1, 3, 64, 64), dtype))
    assert abs(array.astype(float).mean()) < 0.05
    assert 0.9 < array.astype(float).std() < 1.1


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("uint8", 0, 255), ("int8", -128, 127), ("int16", -(2**15), 2**15 - 1), ("uint16", 0, 2**16 - 1)],
)
def test_small_integers_have_every_value(dtype: str, low: int, high: int) -> None:
    array = one(TensorSpec("x", (1, 512, 512, 3), dtype)).astype(int)
    assert low <= array.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < array.max() <= high


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_large_integers_are_pixels_or_ones(dtype: str) -> None:
    pixels = one(TensorSpec("x", (1, 64, 64, 3), dtype))
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert set(one(TensorSpec("ids", (1, 128), dtype)).flat) == {1}
    assert one(TensorSpec("rate", (), dtype)) == 1


def test_masks_are_true() -> None:
    assert one(TensorSpec("mask", (1, 8), "bool")).all()
    assert one(TensorSpec("mask", (1, 8), "bool"), "0:255").all()


def test_a_range_is_uniform() -> None:
    array = one(TensorSpec("x", (1, 3, 64, 64), "float32"), "0:255")
    assert 0 <= array.min() < 1 < 254 < array.max() <= 255
    assert set(one(TensorSpec("ids", (1, 512), "int64"), "3:5").flat) == {3, 4, 5}
    with pytest.raises(ArtifactError, match="input 'x' is uint8, which holds whole numbers from 0 to 255"):
        one(TensorSpec("x", (1, 3), "uint8"), "-1:1")
    with pytest.raises(ArtifactError, match="whole numbers"):
        one(TensorSpec("x", (1, 3), "int32"), "0.2:0.8")


def test_every_input_has_values_and_the_seed_decides() -> None:
    inputs = (IMAGES, TensorSpec("scale", (2, 2), "float32"))
    first, again, other = values(*inputs), values(*inputs), values(*inputs, seed=2)
    assert list(first) == ["images", "scale"]
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any()


def saved(path: Path, *lone: Any, **arrays: Any) -> str:
    np.savez(path, **arrays) if arrays else np.save(path, *lone)
    return str(path)


def test_a_lone_array_is_the_image(tmp_path: Path) -> None:
    image = np.arange(3 * 8 * 8, dtype=np.float32).reshape(3, 8, 8)
    rate = TensorSpec("rate", (), "int64")
    found = values(rate, IMAGES, feed=saved(tmp_path / "a.npy", image))
    np.testing.assert_array_equal(found["images"], np.stack([image, image]))
    assert found["rate"] == 1
    three = np.stack([image, image + 1, image + 2])
    np.testing.assert_array_equal(one(IMAGES, saved(tmp_path / "b.npy", three)), three[:2])
    # Pixels are numbers too.
    assert one(IMAGES, saved(tmp_path / "c.npy", three.astype(np.uint8))).max() == 192


def test_arrays_go_to_the_inputs_of_their_names(tmp_path: Path) -> None:
    feed = saved(tmp_path / "a.npz", rate=np.int64(16000), images=np.full((2, 3, 8, 8), 7, np.float32))
    found = values(IMAGES, TensorSpec("rate", (), "int64"), TensorSpec("mask", (4,), "bool"), feed=feed)
    assert (found["rate"], found["images"].mean()) == (16000, 7)
    assert found["mask"].all()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3, 8, 9), np.float32), r"takes float32 \[2, 3, 8, 8\], not float32 \[2, 3, 8, 9\]"),
        (np.zeros((0, 3, 8, 8), np.float32), r"not float32 \[0, 3, 8, 8\]"),
        (np.zeros((2, 3, 8, 8), np.complex64), "not complex64"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(array: npt.NDArray[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=message):
        one(IMAGES, saved(tmp_path / "a.npy", array))


def test_a_file_that_is_no_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has an array 'pixels', but the network's inputs are images"):
        one(IMAGES, saved(tmp_path / "a.npz", pixels=np.zeros(3)))
    with pytest.raises(ArtifactError, match="cannot be read: No such file"):
        one(IMAGES, str(tmp_path / "gone.npz"))
    (tmp_path / "b.npy").write_bytes(b"hello")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    np.save(tmp_path / "c.npy", np.array([{}]), allow_pickle=True)
    for name in ("b.npy", "c.npy", "cut.npz"):
        with pytest.raises(ArtifactError, match=r"is not a file of numpy's with numbers alone. Write") as raised:
            one(IMAGES, str(tmp_path / name))
        assert "pickle" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("", "standard normal noise"),
        ("0:255", "uniform noise from 0 to 255"),
        ("-1:1", "uniform noise from -1 to 1"),
        ("-2.5e-1:.5", "uniform noise from -0.25 to 0.5"),
        ("photos:1.npy", "the values of photos:1.npy"),
    ],
)
def test_a_feed_says_what_it_is(text: str, described: str) -> None:
    feed = Feed.of(text)
    assert feed.described() == described
    assert Feed.of(str(feed)) == feed


@pytest.mark.parametrize("text", ["1:0", "1:1", "0", "a:b", "0:inf", "nan:1", "0:1:2"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="is not a range of numbers"):
        Feed.of(text)


RANGES = "-2.1:2.2,-2:2.4,0:1"


def test_ranges_are_of_the_channels_of_images() -> None:
    for shape in ((2, 3, 64, 64), (1, 64, 64, 3), (3, 64, 64)):
        array = np.moveaxis(one(TensorSpec("x", shape, "float32"), RANGES), shape.index(3), 0)
        for channel, (low, high) in zip(array, ((-2.1, 2.2), (-2.0, 2.4), (0.0, 1.0)), strict=True):
            assert low <= channel.min() < low + 0.05
            assert high - 0.05 < channel.max() <= high
    assert one(TensorSpec("x", (1, 3, 8, 8), "float16"), RANGES).dtype == np.float16


def test_ranges_of_channels_leave_other_inputs_as_they_are() -> None:
    mask, scale = TensorSpec("mask", (2, 16), "int64"), TensorSpec("scale", (2, 2), "float32")
    found, plain = values(IMAGES, mask, scale, feed=RANGES), values(IMAGES, mask, scale)
    assert set(found["mask"].flat) == {1}
    assert abs(found["images"][:, 2].mean() - 0.5) < 0.1
    assert plain["images"].min() < -2
    assert found["scale"].shape == (2, 2)


@pytest.mark.parametrize(
    "spec",
    [
        TensorSpec("x", (1, 1, 8, 8), "float32"),
        TensorSpec("x", (1, 8, 8, 3), "uint8"),
        TensorSpec("x", (1, 3), "float32"),
    ],
)
def test_ranges_of_channels_that_no_input_has(spec: TensorSpec) -> None:
    with pytest.raises(ArtifactError, match=r"no floating-point images of 3 channels.*Give one range"):
        one(spec, RANGES)


@pytest.mark.parametrize("text", ["0:1,", "0:1,2", "0:1,1:0", "0:1,a:b"])
def test_what_is_no_ranges_is_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="is not a range of numbers; write LOW:HIGH"):
        Feed.of(text)


def test_ranges_are_written_as_they_are_read() -> None:
    assert str(Feed.of("-2.1:2.2, -2:2.4,0:1")) == RANGES
    assert Feed.of(RANGES).described() == f"uniform noise of {RANGES}, channel by channel"
    assert Feed.of("0:255").described() == "uniform noise from 0 to 255"
