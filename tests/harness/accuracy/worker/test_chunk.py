from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import zoo
from harness.accuracy.worker.chunk import Chunk
from harness.datasets import open_images
from harness.errors import AccuracyError
from zoo.own import card
from zoo.preprocessing import decode, pipeline

OWN = pipeline(card("a:b", 16).preprocessing, 16)
CIFAR = pipeline(zoo.card("lanet/LaNet_CIFAR10_128").preprocessing, 32)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def folder(make_images):
    root = make_images(classes=2, per_class=3)
    Image.new("RGB", (32, 32), "red").save(root / "class00" / "00_001.png")
    (root / "class01" / "01_001.png").write_bytes(b"nothing")
    return root


def test_every_pipeline_finds_its_crop_of_each_image(folder, pool):
    images = open_images(folder)
    chunk = Chunk(images, 1, 5, [OWN, CIFAR], pool)
    chunk.wait()
    data = [images.read(index) for index in range(1, 5)]
    assert chunk.digests == [hashlib.sha256(one).hexdigest() for one in data]
    assert chunk.usable(OWN, 1, 5).tolist() == [True, True, True, False]
    assert chunk.usable(CIFAR, 1, 5).tolist() == [True, False, False, False]
    assert (chunk.crop(OWN, 1) == OWN.resampled(decode(data[1]))).all()
    assert chunk.crop(OWN, 3) is None
    assert (chunk.crop(CIFAR, 0) == np.asarray(Image.open(folder / "class00/00_001.png"))).all()
    assert chunk.crop(CIFAR, 1) is None
    assert set(chunk.unreadable) == {2, 3, 4}
    assert "the release takes its data set's images of 32 x 32 as they are" in chunk.unreadable[2]
    assert "not an image in any known format" in chunk.unreadable[4]
    assert chunk.preparing_s > 0
    assert chunk.written_bytes == 3 * (3 * 16 * 16) + 3 * 32 * 32


def test_a_chunk_covers_its_own_images_and_rules(folder, pool):
    chunk = Chunk(open_images(folder), 0, 2, [OWN], pool)
    assert chunk.covers(0, 2, [OWN])
    assert not chunk.covers(0, 2, [OWN, CIFAR])
    assert not chunk.covers(0, 3, [OWN])
    chunk.abandon()


def test_an_image_that_is_gone_ends_the_evaluation(folder, pool):
    images = open_images(folder)
    (folder / "class00" / "00_002.png").unlink()
    chunk = Chunk(images, 0, 6, [OWN], pool)
    with pytest.raises(AccuracyError, match=r"00_002\.png"):
        chunk.wait()


class Pixels:
    """A data set that stores pixels, as CIFAR-10 does."""

    def read(self, index: int) -> np.ndarray:
        return np.full((32, 32, 3), index, np.uint8).transpose(1, 0, 2)


def test_pixels_are_taken_as_they_are(pool):
    chunk = Chunk(Pixels(), 0, 2, [CIFAR], pool)
    chunk.wait()
    assert (chunk.crop(CIFAR, 1) == np.full((32, 32, 3), 1, np.uint8)).all()
    assert chunk.digests[1] == hashlib.sha256(bytes([1]) * 3072).hexdigest()
    assert chunk.unreadable == {}
