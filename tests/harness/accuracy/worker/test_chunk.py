from __future__ import annotations

import hashlib
import shutil
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


def test_a_file_that_cannot_be_read_costs_one_image(folder, pool):
    images = open_images(folder)
    (folder / "class00" / "00_002.png").unlink()
    (folder / "class01" / "01_000.png").unlink()
    (folder / "class01" / "01_000.png").symlink_to("nowhere")
    chunk = Chunk(images, 0, 6, [OWN], pool)
    chunk.wait()
    assert chunk.usable(OWN, 0, 6).tolist() == [True, True, False, False, False, True]
    assert "00_002.png cannot be read (No such file or directory)" in chunk.unreadable[2]
    assert chunk.digests[2] == chunk.digests[3] == "0" * 64


def test_images_whose_folder_is_gone_end_the_evaluation(folder, pool):
    images = open_images(folder)
    shutil.rmtree(folder)
    chunk = Chunk(images, 0, 6, [OWN], pool)
    with pytest.raises(AccuracyError, match=r"00_000\.png cannot be read"):
        chunk.wait()
