from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import methodcaller
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.datasets import open_images
from harness.errors import AccuracyError
from tests.fakes.data_sets import pickled_batch

OTHERS = {"cifar/batches.meta": b"names", "cifar/data_batch_1": b"left alone", "cifar/readme.html": b""}


@pytest.fixture(params=["binary folder", "python folder", "binary archive", "python archive", "tar"])
def published(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    binary_batch: bytes,
    python_batch: bytes,
    write_files: Callable[..., Path],
    write_tar: Callable[..., Path],
) -> Path:
    kind, layout = (*request.param.split(), "tar")[:2]
    name, data = ("test_batch.bin", binary_batch) if kind == "binary" else ("test_batch", python_batch)
    files = {**OTHERS, f"cifar/{name}": data}
    if layout == "folder":
        return write_files(tmp_path, files) / "cifar"
    return write_tar(tmp_path / "cifar.tar.gz", files, mode="w:gz" if layout == "archive" else "w:")


def test_every_version_gives_the_same_pixels_and_labels(
    published: Path, cifar_pixels: NDArray[np.uint8], cifar_labels: list[int]
) -> None:
    images = open_images(published)
    assert (images.name, images.classes) == ("CIFAR-10", 10)
    assert [item.label for item in images.items] == cifar_labels
    assert images.items[123].name == "test_batch_00123"
    for index in (0, 257, 9_999):
        pixels = images.read(index)
        assert isinstance(pixels, np.ndarray)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, cifar_pixels[index])
    assert images.digest == "4d1d208256940c4201707a577e4a2f83b128110dc5b658fb936e0662a85a507d"
    assert "image 257" in images.location(257)
    assert images.sizes_bytes[0] == 3072
    assert not images.encoded


def test_a_child_process_reads_a_subset(published: Path, cifar_pixels: NDArray[np.uint8]) -> None:
    images = open_images(published, limit=50, seed=3)
    number = int(images.items[20].name.removeprefix("test_batch_"))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        read = pool.submit(methodcaller("read", 20), images).result()
    np.testing.assert_array_equal(read, cifar_pixels[number])


class _Exploit:
    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self._trace, "executed")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_does_nothing_and_is_refused(tmp_path: Path, protocol: int) -> None:
    trace, path = tmp_path / "trace", tmp_path / "test_batch"
    path.write_bytes(pickle.dumps({b"data": _Exploit(trace), b"labels": []}, protocol))
    with pytest.raises(AccuracyError, match=r"test_batch is not a test set .* names \S+, .* fetch it again"):
        open_images(tmp_path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.read_text() == "executed"


@pytest.mark.parametrize("name", ["numpy\nload", "numpy.core.multiarray\n_reconstruct.__class__", "builtins\neval"])
def test_names_that_no_batch_has_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "test_batch").write_bytes(b"\x80\x02c" + name.encode() + b"\n.")
    with pytest.raises(AccuracyError, match="which no batch of CIFAR-10 does"):
        open_images(tmp_path)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "Ran out of input"),
        (b"no pickle", "is not a test set"),
        (pickle.dumps([1, 2], 2), "not a dictionary"),
        (pickle.dumps({}, 2), "no pixels"),
        (b"\x80\x02}U\x04datacnumpy\nndarray\n)R}bs.", "is not a test set"),
        (b"\x80\x02}U\x04datacnumpy\nndarray\n)Rs.", "no list of labels"),
        (b"\x80\x02}(U\x04datacnumpy\nndarray\n)RU\x06labels]u.", "not an array of bytes"),
        (pickled_batch(bytes(3072), [1], shape=(1, 3072)), "1 images with 1 labels, but the test set has 10,000"),
        (pickled_batch(bytes(3071), [1], shape=(1, 3072)), "is not a test set"),
    ],
)
def test_a_damaged_python_batch_is_refused(tmp_path: Path, data: bytes, fault: str) -> None:
    (tmp_path / "test_batch").write_bytes(data)
    with pytest.raises(AccuracyError, match=fault):
        open_images(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: data[:-1], "not a whole number of records"),
        (lambda data: data[:-3073], "9,999 images"),
        (lambda data: b"\x0a" + data[1:], "labels from 0 to 10"),
    ],
)
def test_a_damaged_binary_batch_is_refused(
    tmp_path: Path, binary_batch: bytes, change: Callable[[bytes], bytes], fault: str
) -> None:
    (tmp_path / "test_batch.bin").write_bytes(change(binary_batch))
    with pytest.raises(AccuracyError, match=fault):
        open_images(tmp_path)


def test_a_truncated_archive_is_refused(tmp_path: Path, binary_batch: bytes, write_tar: Callable[..., Path]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 100_000, np.uint8).tobytes()
    files = {"cifar/data_batch_1.bin": noise, "cifar/test_batch.bin": binary_batch}
    path = write_tar(tmp_path / "cifar-10-binary.tar.gz", files, mode="w:gz")
    path.write_bytes(path.read_bytes()[:-3_000])
    with pytest.raises(AccuracyError, match=r"is damaged .* fetch it again"):
        open_images(path)


def test_an_archive_without_the_test_set_is_refused(tmp_path: Path, write_tar: Callable[..., Path]) -> None:
    path = write_tar(tmp_path / "cifar.tar.gz", OTHERS, mode="w:gz")
    with pytest.raises(AccuracyError, match=r"holds no test_batch\.bin or test_batch"):
        open_images(path)


def test_cifar_contains_its_labels(tmp_path: Path, binary_batch: bytes) -> None:
    (tmp_path / "test_batch.bin").write_bytes(binary_batch)
    with pytest.raises(AccuracyError, match="already contains its labels"):
        open_images(tmp_path, ground_truth=tmp_path / "val.txt")
