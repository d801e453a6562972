from __future__ import annotations

import psutil
import pytest

import zoo
from harness.accuracy.memory import (
    OpenNetworks,
    batches_together,
    chunk_images,
    fitting_images,
    free_memory_mib,
    image_bytes,
)
from zoo.own import card
from zoo.preprocessing import Pipeline, pipeline


def steps(resolution: int) -> Pipeline:
    return pipeline(card("a:b", resolution).preprocessing, resolution)


def test_an_image_takes_its_crops_twice_and_one_input():
    assert image_bytes([steps(10)]) == 2 * 3 * 100 + 12 * 100
    assert image_bytes([steps(10), steps(10), steps(20)]) == 2 * 3 * (100 + 400) + 12 * 400


@pytest.mark.parametrize("model", ["efficientnet_x/EfficientNet-X-b0", "regnet/RegNetX-200MF"])
def test_crops_of_tensorflow_and_opencv_are_floats(model):
    facts = zoo.card(model)
    steps = pipeline(facts.preprocessing, facts.resolution)
    assert image_bytes([steps]) == 2 * 12 * facts.resolution**2 + 12 * facts.resolution**2


def test_a_chunk_fits_in_whole_batches_of_every_network():
    of_one = image_bytes([steps(10)])
    assert fitting_images([steps(10)], 100 * of_one) == 100
    assert fitting_images([steps(10)], 10**12) == 1024
    assert chunk_images([1], 100) == 100
    assert chunk_images([8, 1, 6], 100) == 96
    assert chunk_images([64], 10) == 64


def test_batches_without_a_common_multiple_that_fits_have_chunks_of_their_own():
    assert batches_together([1, 8, 6, 8], 100) == [(8, 6, 1)]
    assert batches_together([1, 8, 6, 4], 10) == [(8, 4, 1), (6,)]
    assert batches_together([64, 32, 1], 10) == [(64, 32, 1)]
    assert batches_together([37, 50, 64], 1024) == [(64,), (50,), (37,)]


def test_the_first_networks_stay_open_as_far_as_they_fit():
    networks = OpenNetworks(100.0)
    assert networks.keep("a", 60.0)
    assert not networks.keep("b", 50.0)
    assert networks.keep("c", 40.0)
    assert networks.keep("a", 60.0)
    assert len(networks) == 2
    networks.closed("a")
    assert networks.keep("b", 50.0)


def test_too_many_for_a_device_are_fewer_next_time():
    networks = OpenNetworks(1000.0)
    assert networks.keep("a", 1.0)
    assert networks.keep("b", 1.0)
    networks.all_closed()
    networks.fewer_than(3)
    assert networks.keep("c", 1.0)
    assert networks.keep("a", 1.0)
    assert not networks.keep("b", 1.0)


@pytest.mark.parametrize(
    "names", [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")]
)
def test_a_containers_limit_counts(names, tmp_path):
    limit, used = (tmp_path / name for name in names)
    limit.parent.mkdir(exist_ok=True)
    limit.write_text(f"{300 * 2**20}\n")
    used.write_text(f"{100 * 2**20}\n")
    assert free_memory_mib(tmp_path) == min(200, psutil.virtual_memory().available // 2**20)


def test_no_limit_is_no_limit(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1\n")
    free = psutil.virtual_memory().available // 2**20
    assert free_memory_mib(tmp_path) == pytest.approx(free, rel=0.2)
