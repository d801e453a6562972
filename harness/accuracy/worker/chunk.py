"""A range of the images in memory: decoded once, cropped once by each rule."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.wording import one_line
from harness.accuracy.worker.image_cache import ImageCache
from harness.datasets import ImageSet
from harness.errors import UnreadableFileError
from zoo.preprocessing import Decoded, Pipeline, Resampling, UnreadableImageError, decode

_NO_CONTENT = "0" * 64
"""Digest of an image whose file cannot be read."""


class Chunk:
    """The images from `start` to before `stop`; threads begin to prepare them when the chunk is created.

    Threads, not processes: Pillow releases the interpreter's lock while it computes, and nothing has to be copied.
    """

    def __init__(
        self,
        images: ImageSet,
        start: int,
        stop: int,
        pipelines: Iterable[Pipeline],
        pool: ThreadPoolExecutor,
        cache: ImageCache | None = None,
    ) -> None:
        self.start, self.stop = start, stop
        self.digests = [""] * (stop - start)
        """SHA-256 of each image's bytes as they were read, in hexadecimal."""
        self.unreadable: dict[int, str] = {}
        """Why an image cannot be read, or a rule cannot crop it, by its index in the set."""
        self.preparing_s = 0.0
        """Processor time of the threads that prepared the chunk."""
        self.written_bytes = 0
        """Bytes of crops written so far."""
        self._images = images
        self._cache = cache
        self._guard = threading.Lock()
        self._crops: dict[Resampling, NDArray[Any]] = {}
        self._usable = {
            rule: np.zeros(stop - start, np.bool_) for rule in {pipeline.resampling for pipeline in pipelines}
        }
        self._waiting: list[Future[None]] = [pool.submit(self._prepare, index) for index in range(start, stop)]

    def covers(self, start: int, stop: int, pipelines: Iterable[Pipeline]) -> bool:
        """Whether the chunk holds these images, cropped for all of these pipelines."""
        rules = {pipeline.resampling for pipeline in pipelines}
        return (self.start, self.stop) == (start, stop) and rules <= set(self._usable)

    def wait(self) -> None:
        """Waits until every image is prepared.

        Raises:
            AccuracyError: the images can no longer be read.
        """
        waiting, self._waiting = self._waiting, []
        try:
            for future in waiting:
                future.result()
        finally:
            for future in waiting:
                future.cancel()

    def abandon(self) -> None:
        """Stops preparing further images."""
        for future in self._waiting:
            future.cancel()

    def usable(self, pipeline: Pipeline, start: int, stop: int) -> NDArray[np.bool_]:
        """Returns which of these images give the pipeline an input."""
        return self._usable[pipeline.resampling][start - self.start : stop - self.start]

    def crop(self, pipeline: Pipeline, position: int) -> NDArray[Any] | None:
        """Returns the crop of the image at `position` in the chunk, or None if it gives the pipeline no input."""
        rule = pipeline.resampling
        return self._crops[rule][position] if self._usable[rule][position] else None

    def _prepare(self, index: int) -> None:
        began_s = time.thread_time()
        position = index - self.start
        try:
            stored = self._images.read(index)
        except UnreadableFileError as error:
            self.digests[position] = _NO_CONTENT
            self.unreadable[index] = one_line(str(error))
            return
        digest = hashlib.sha256(stored if isinstance(stored, bytes) else stored.tobytes()).hexdigest()
        self.digests[position] = digest
        decoded: Decoded | None = None
        written_bytes = 0
        for rule, usable in self._usable.items():
            crop = self._cache.find(rule, index, digest) if self._cache else None
            try:
                if crop is None:
                    decoded = decoded or (decode(stored) if isinstance(stored, bytes) else Decoded(stored))
                    crop = rule.apply(decoded)
                    if self._cache:
                        self._cache.keep(rule, index, digest, crop)
            except UnreadableImageError as error:
                self.unreadable[index] = " ".join(str(error).split())
                if decoded is None:
                    break
                continue
            self._room(rule, crop)[position] = crop
            usable[position] = True
            written_bytes += crop.nbytes
        with self._guard:
            self.written_bytes += written_bytes
            self.preparing_s += time.thread_time() - began_s

    def _room(self, rule: Resampling, example: NDArray[Any]) -> NDArray[Any]:
        """Returns the array for the crops of a rule, created at the first crop."""
        with self._guard:
            if rule not in self._crops:
                self._crops[rule] = np.empty((self.stop - self.start, *example.shape), example.dtype)
            return self._crops[rule]
