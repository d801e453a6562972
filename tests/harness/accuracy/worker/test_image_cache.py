from __future__ import annotations

import hashlib
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from harness.accuracy.worker.image_cache import ImageCache
from harness.errors import AccuracyError
from zoo.own import card
from zoo.preprocessing import pipeline

RULE, OTHER = (pipeline(card("a:b", side).preprocessing, side).resampling for side in (8, 16))
CROP = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
DIGEST, CHANGED = (hashlib.sha256(text).hexdigest() for text in (b"image", b"changed"))


@pytest.fixture
def cache(tmp_path):
    opened = ImageCache(tmp_path, "d" * 64, 10, encoded=True)
    yield opened
    opened.close()


def test_a_crop_is_found_for_its_own_image_and_rule_alone(cache):
    assert cache.find(RULE, 3, DIGEST) is None
    cache.keep(RULE, 3, DIGEST, CROP)
    assert (cache.find(RULE, 3, DIGEST) == CROP).all()
    assert cache.find(RULE, 4, DIGEST) is None
    assert cache.find(RULE, 3, CHANGED) is None
    assert cache.find(OTHER, 3, DIGEST) is None


@pytest.mark.parametrize(("library", "found"), [("Pillow", False), ("libjpeg-turbo", False), ("numpy", True)])
def test_a_crop_of_another_pillow_is_not_found(library, found, cache, tmp_path, pretend_version):
    """Pillow and its decoder make the crop; numpy, which does not, leaves it valid."""
    cache.keep(RULE, 3, DIGEST, CROP)
    cache.close()
    pretend_version(library, "0.1")
    again = ImageCache(tmp_path, "d" * 64, 10, encoded=True)
    assert (again.find(RULE, 3, DIGEST) is not None) == found
    again.close()


def test_it_outlives_its_process(cache, tmp_path):
    cache.keep(RULE, 3, DIGEST, CROP)
    cache.close()
    again = ImageCache(tmp_path, "d" * 64, 10, encoded=True)
    assert (again.find(RULE, 3, DIGEST) == CROP).all()
    again.keep(RULE, 3, CHANGED, 255 - CROP)
    assert again.find(RULE, 3, DIGEST) is None
    again.close()
    other_set = ImageCache(tmp_path, "e" * 64, 10, encoded=True)
    assert other_set.find(RULE, 3, DIGEST) is None
    other_set.close()


def test_what_an_interrupted_copy_left_is_not_a_crop(cache, tmp_path):
    """Opening a truncated array fills it up with zeros, which are black images."""
    for index in range(10):
        cache.keep(RULE, index, DIGEST, CROP)
    cache.close()
    (crops,) = tmp_path.rglob("crops.npy")
    os.truncate(crops, crops.stat().st_size - 5 * CROP.nbytes)
    again = ImageCache(tmp_path, "d" * 64, 10, encoded=True)
    assert [again.find(RULE, index, DIGEST) is not None for index in range(10)] == [True] * 5 + [False] * 5
    again.keep(RULE, 9, DIGEST, CROP)
    assert (again.find(RULE, 9, DIGEST) == CROP).all()
    again.close()


@pytest.mark.parametrize("name", ["crops.npy", "sources.npy"])
def test_damaged_arrays_are_named(cache, tmp_path, name):
    cache.keep(RULE, 0, DIGEST, CROP)
    cache.close()
    (path,) = tmp_path.rglob(name)
    for content in (b"", b"nothing", path.read_bytes()[:40]):
        path.write_bytes(content)
        again = ImageCache(tmp_path, "d" * 64, 10, encoded=True)
        with pytest.raises(AccuracyError, match=rf"--cache-images: {path.parent} is damaged \(.*\); remove it"):
            again.find(RULE, 0, DIGEST)
        again.close()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="not offered by this system")
def test_its_disk_space_is_allocated_at_once(cache, tmp_path):
    cache.keep(RULE, 0, DIGEST, CROP)
    (path,) = tmp_path.rglob("crops.npy")
    assert path.stat().st_blocks * 512 >= 10 * CROP.nbytes


def test_crops_of_floats_stay_floats(cache):
    cache.keep(OTHER, 0, DIGEST, np.full((16, 16, 3), 0.25, np.float32))
    found = cache.find(OTHER, 0, DIGEST)
    assert found.dtype == np.float32
    assert (found == 0.25).all()


def test_two_processes_do_not_share_it(cache, tmp_path):
    with pytest.raises(AccuracyError, match="another process uses"):
        ImageCache(tmp_path, "d" * 64, 10, encoded=True)


def test_it_is_refused_if_there_is_no_room(cache, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2000, 100, 1919))
    with pytest.raises(AccuracyError, match=r"for 10 images, and 0\.0 MiB are free; give another folder"):
        cache.keep(RULE, 0, DIGEST, CROP)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2000, 80, 1920))
    cache.keep(RULE, 0, DIGEST, CROP)
