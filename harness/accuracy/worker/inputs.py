"""The networks' inputs, for one pipeline at a time, made by threads ahead of the networks."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from harness.accuracy.worker.chunk import Chunk
from zoo.preprocessing import Pipeline

_IMAGES_OF_A_TASK = 8
"""Few enough that a network's first question hardly waits, enough that scheduling the tasks costs nothing."""


class Inputs:
    """Inputs, made once for consecutive networks with the same pipeline."""

    def __init__(self, threads: int) -> None:
        """Makes nothing yet.

        Args:
            threads: number of threads that make inputs. Those that decode the next chunk, whose queue is long, are
                separate.
        """
        self._pool = ThreadPoolExecutor(threads)
        # Reused for all pipelines and chunks: clearing new memory costs the system more than the arithmetic does.
        self._room: NDArray[np.float32] = np.empty(0, np.float32)
        self._inputs: NDArray[np.float32] = self._room
        self.written_bytes = 0
        """How far the memory was ever written to: roughly the part that is resident."""
        self._guard = threading.Lock()
        self._made_of: tuple[Chunk, Pipeline] | None = None
        self._tasks: list[Future[None]] = []

    def reserve(self, count: int, pipelines: Iterable[Pipeline]) -> None:
        """Discards the inputs made so far, and makes room for those of `count` images, whatever the pipeline.

        Once per chunk, not per pipeline: an open network may hold on to the memory of its last input, as those of ONNX
        Runtime on the CPU do, and with separate memory for each pipeline all of the smaller ones would stay.

        Args:
            count: number of images.
            pipelines: the pipelines that will be asked for.
        """
        self.end()
        size = count * max(_values(pipeline) for pipeline in pipelines)
        if self._room.size < size:
            # The smaller one is freed first.
            self._inputs = self._room = np.empty(0, np.float32)
            self._room = np.empty(size, np.float32)
            self.written_bytes = 0

    def of(self, chunk: Chunk, pipeline: Pipeline, start: int, stop: int) -> NDArray[np.float32]:
        """Returns the inputs of the images from `start` to before `stop`, float32 (N, 3, R, R); zeros for missing ones.

        They stay until those of another chunk or pipeline are asked for. There must be room for them (`reserve`).
        """
        if self._made_of != (chunk, pipeline):
            self._begin(chunk, pipeline)
        first, last = start - chunk.start, stop - chunk.start
        for task in self._tasks[first // _IMAGES_OF_A_TASK : math.ceil(last / _IMAGES_OF_A_TASK)]:
            task.result()
        return self._inputs[first:last]

    def end(self) -> None:
        """Discards the inputs made so far; the memory is kept for the next ones."""
        for task in self._tasks:
            task.cancel()
        wait(self._tasks)
        self._tasks = []
        self._made_of = None

    def _begin(self, chunk: Chunk, pipeline: Pipeline) -> None:
        self.end()
        count, side_px = chunk.stop - chunk.start, pipeline.resolution_px
        self._inputs = self._room[: count * _values(pipeline)].reshape(count, 3, side_px, side_px)
        self._made_of = (chunk, pipeline)
        self._tasks = [
            self._pool.submit(self._make, chunk, pipeline, range(first, min(first + _IMAGES_OF_A_TASK, count)))
            for first in range(0, count, _IMAGES_OF_A_TASK)
        ]

    def _make(self, chunk: Chunk, pipeline: Pipeline, positions: range) -> None:
        for position in positions:
            crop = chunk.crop(pipeline, position)
            self._inputs[position] = 0 if crop is None else pipeline.normalised(crop)
        with self._guard:
            self.written_bytes = max(self.written_bytes, self._inputs[: positions.stop].nbytes)


def _values(pipeline: Pipeline) -> int:
    """Returns how many numbers one input has."""
    return 3 * pipeline.resolution_px**2
