from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from harness.accuracy.worker.chunk import Chunk
from harness.accuracy.worker.inputs import Inputs
from harness.datasets import open_images
from zoo.own import card
from zoo.preprocessing import Pipeline, pipeline

SMALL, LARGE = (pipeline(card("a:b", side_px).preprocessing, side_px) for side_px in (16, 24))
COUNT = 20


@pytest.fixture
def folder(make_images):
    root = make_images(classes=2, per_class=COUNT // 2)
    (root / "class01" / f"01_{COUNT // 2 - 1:03d}.png").write_bytes(b"nothing")
    return root


@pytest.fixture
def chunk(folder):
    with ThreadPoolExecutor(2) as threads:
        found = Chunk(open_images(folder), 0, COUNT, [SMALL, LARGE], threads)
        found.wait()
    return found


def made_by(threads: int, chunk: Chunk) -> Inputs:
    inputs = Inputs(threads)
    inputs.reserve(chunk.stop - chunk.start, [SMALL, LARGE])
    return inputs


def normalised(chunk: Chunk, steps: Pipeline, position: int) -> np.ndarray:
    crop = chunk.crop(steps, position)
    return np.zeros((3, steps.resolution_px, steps.resolution_px)) if crop is None else steps.normalised(crop)


def test_inputs_are_what_the_pipeline_makes_and_zeros_where_it_makes_none(chunk):
    inputs = made_by(2, chunk)
    # Larger after smaller and smaller after larger: what the memory held before must not show.
    for steps in (SMALL, LARGE, SMALL):
        found = inputs.of(chunk, steps, 7, COUNT)
        assert found.shape == (COUNT - 7, 3, steps.resolution_px, steps.resolution_px)
        for position in range(7, COUNT):
            assert (found[position - 7] == normalised(chunk, steps, position)).all()
    assert chunk.crop(SMALL, COUNT - 1) is None


def test_memory_written_to_is_counted_once(chunk):
    inputs = made_by(2, chunk)
    assert inputs.written_bytes == 0
    for steps, largest in ((SMALL, SMALL), (LARGE, LARGE), (SMALL, LARGE)):
        inputs.of(chunk, steps, 0, COUNT)
        assert inputs.written_bytes == COUNT * 4 * 3 * largest.resolution_px**2


def test_all_pipelines_of_a_chunk_share_one_memory(chunk):
    """An open network may hold on to its last input: with separate memory for each pipeline, all of it would stay."""
    inputs = made_by(1, chunk)
    small, large = (inputs.of(chunk, steps, 0, COUNT) for steps in (SMALL, LARGE))
    assert np.shares_memory(small, large)
    inputs.reserve(COUNT // 2, [LARGE])
    assert np.shares_memory(inputs.of(chunk, LARGE, 0, 1), large)


def test_more_room_is_made_for_more_images(chunk):
    inputs = Inputs(1)
    inputs.reserve(1, [SMALL])
    inputs.reserve(COUNT, [SMALL])
    assert (inputs.of(chunk, SMALL, 0, COUNT)[3] == normalised(chunk, SMALL, 3)).all()


def test_positions_count_from_the_start_of_the_chunk(folder):
    with ThreadPoolExecutor(2) as threads:
        chunk = Chunk(open_images(folder), 12, 16, [SMALL], threads)
        chunk.wait()
    found = made_by(1, chunk).of(chunk, SMALL, 13, 15)
    assert (found[0] == normalised(chunk, SMALL, 1)).all()
    assert (found[1] == normalised(chunk, SMALL, 2)).all()


def test_inputs_are_made_once_for_the_networks_of_a_pipeline(chunk, monkeypatch):
    made = []
    method = Pipeline.normalised

    def counted(self: Pipeline, crop: np.ndarray) -> np.ndarray:
        made.append(self)
        return method(self, crop)

    monkeypatch.setattr(Pipeline, "normalised", counted)
    inputs = made_by(2, chunk)
    for _ in range(3):
        for first in range(0, COUNT, 5):
            inputs.of(chunk, SMALL, first, first + 5)
    assert made == [SMALL] * (COUNT - 1)


def test_the_first_images_do_not_wait_for_the_last_ones(chunk, monkeypatch):
    go_on = threading.Event()
    method = Pipeline.normalised
    last = chunk.crop(SMALL, COUNT - 2)

    def waiting(self: Pipeline, crop: np.ndarray) -> np.ndarray:
        if (crop == last).all():
            assert go_on.wait(60)
        return method(self, crop)

    monkeypatch.setattr(Pipeline, "normalised", waiting)
    inputs = made_by(1, chunk)
    assert (inputs.of(chunk, SMALL, 0, 5)[4] == normalised(chunk, SMALL, 4)).all()
    go_on.set()
    assert (inputs.of(chunk, SMALL, COUNT - 2, COUNT)[0] == method(SMALL, last)).all()


def test_another_pipeline_may_be_asked_for_before_the_first_one_is_through(chunk, monkeypatch):
    method = Pipeline.normalised
    begun, go_on = threading.Event(), threading.Event()

    def slow(self: Pipeline, crop: np.ndarray) -> np.ndarray:
        if self == SMALL:
            begun.set()
            assert go_on.wait(60)
        return method(self, crop)

    monkeypatch.setattr(Pipeline, "normalised", slow)
    inputs = made_by(2, chunk)
    with ThreadPoolExecutor(1) as asking:
        first = asking.submit(inputs.of, chunk, SMALL, 0, 1)
        assert begun.wait(60)
        go_on.set()
        first.result(60)
    found = inputs.of(chunk, LARGE, 0, COUNT)
    for position in range(COUNT):
        assert (found[position] == normalised(chunk, LARGE, position)).all()


def test_what_a_pipeline_raises_reaches_the_question(chunk, monkeypatch):
    def failing(self: Pipeline, crop: np.ndarray) -> np.ndarray:
        raise ValueError("no such crop")

    monkeypatch.setattr(Pipeline, "normalised", failing)
    with pytest.raises(ValueError, match="no such crop"):
        made_by(1, chunk).of(chunk, SMALL, 0, COUNT)
