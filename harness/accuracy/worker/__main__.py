"""The evaluating process, which may end however it likes: `python -m harness.accuracy.worker` answers questions.

It holds a chunk of images, prepares the next one meanwhile, and keeps the networks open that it is not told to close.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.child import die_first, end_with_parent
from foundation.units import BYTES_PER_MIB
from harness import backends
from harness.accuracy.messages import Evaluate, Evaluated, Load, Loaded, Setup
from harness.accuracy.request import open_selection
from harness.accuracy.subjects import Subject
from harness.accuracy.worker.chunk import Chunk
from harness.accuracy.worker.image_cache import ImageCache
from harness.accuracy.worker.inputs import Inputs
from harness.accuracy.worker.top_classes import GUESSES, NONE, top_classes
from harness.backends.session import Session
from harness.datasets import ImageSet, check_classes
from harness.errors import AccuracyError, ArtifactError
from harness.processes.child import check_artifact, check_finite, failure
from harness.processes.partner import answer_lines


class Evaluator:
    """What the process holds."""

    def __init__(self, setup: Setup) -> None:
        """Opens the images.

        Raises:
            AccuracyError: they are not those that the run has opened.
        """
        self._setup = setup
        self._images: ImageSet = open_selection(setup.selection)
        if self._images.digest != setup.images_digest:
            raise AccuracyError("the names or labels of the images changed while they were evaluated")
        self._cache = (
            ImageCache(Path(setup.image_cache), self._images.digest, len(self._images.items))
            if setup.image_cache
            else None
        )
        self._pool = ThreadPoolExecutor(setup.decoders)
        self._inputs = Inputs(setup.decoders)
        self._chunk: Chunk | None = None
        self._next: Chunk | None = None
        self._sessions: dict[str, Session] = {}

    def load(self, asked: Load) -> Loaded:
        """Waits for the images, and has the next ones prepared."""
        pipelines, next_pipelines = (
            [subject.pipeline for subject in subjects] for subjects in (asked.subjects, asked.next_subjects)
        )
        chunk = self._next
        self._chunk = self._next = None
        self._inputs.reserve(asked.stop - asked.start, pipelines)
        if chunk is None or not chunk.covers(asked.start, asked.stop, pipelines):
            if chunk is not None:
                chunk.abandon()
            chunk = Chunk(self._images, asked.start, asked.stop, pipelines, self._pool, self._cache)
        chunk.wait()
        self._chunk = chunk
        if asked.next_stop > asked.stop:
            self._next = Chunk(self._images, asked.stop, asked.next_stop, next_pipelines, self._pool, self._cache)
        return Loaded(chunk.digests, chunk.unreadable, chunk.preparing_s)

    def evaluate(self, asked: Evaluate) -> Evaluated:
        """Runs a network, which is opened where it is not."""
        subject = asked.subject
        assert self._chunk is not None
        taken_mib = 0.0
        try:
            inputs = self._inputs.of(self._chunk, subject.pipeline, asked.start, asked.stop)
            batches = [batch_of(inputs, first, subject.batch) for first in range(0, len(inputs), subject.batch)]
            session = self._sessions.get(subject.key)
            if session is None:
                before_mib = self._beside_images_mib()
                session = self._open(subject, batches[0])
                taken_mib = self._beside_images_mib() - before_mib
            began_s, began_thread_s = time.perf_counter(), time.thread_time()
            outputs = [session.run(batch) for batch in batches]
            inference_s, thread_s = time.perf_counter() - began_s, time.thread_time() - began_thread_s
            top = self._named(outputs, subject, self._chunk.usable(subject.pipeline, asked.start, asked.stop))
        except Exception:
            self.close(subject.key)
            raise
        return Evaluated(top, inference_s, thread_s, taken_mib)

    def close(self, key: str) -> None:
        """Frees a network, if it is open."""
        session = self._sessions.pop(key, None)
        if session is not None:
            session.close()

    def _beside_images_mib(self) -> float:
        """What this process has in memory now, but for the images, which threads add to meanwhile."""
        images = sum(part.written_bytes for part in (self._inputs, self._chunk, self._next) if part is not None)
        return resident_mib() - images / BYTES_PER_MIB

    def _named(
        self, outputs: list[dict[str, NDArray[Any]]], subject: Subject, usable: NDArray[np.bool_]
    ) -> NDArray[np.int32]:
        """The classes that a network names first for each image of some batches, (N, 5).

        Args:
            outputs: of each batch.
            subject: the network.
            usable: which of the images gave an input, (N,). What it names for the others, which are zeros, and for
                what fills the last batch, counts for nothing, be it no number at all.

        Raises:
            ArtifactError: its first output is not a number for every class of the labels, or not finite.
        """
        name, example = next(iter(outputs[0].items()))
        if example.ndim != 2 or len(example) != subject.batch or not np.issubdtype(example.dtype, np.floating):
            raise ArtifactError(
                f"{subject.artifact}: the output {name!r} is {example.dtype} {list(example.shape)}, where a number for "
                f"each image and class is wanted, [{subject.batch}, {subject.classes}]. Export the classifier whole."
            )
        if wrong := check_classes(self._images, example.shape[1], subject.model):
            raise ArtifactError(wrong)
        logits = np.concatenate([output[name] for output in outputs])[: len(usable)]
        check_finite({name: logits[usable]})
        top = np.full((len(usable), GUESSES), NONE, np.int32)
        top[usable] = top_classes(logits[usable])
        return top

    def _open(self, subject: Subject, images: NDArray[np.float32]) -> Session:
        check_artifact(Path(subject.artifact), subject.artifact_sha256)
        session = backends.get(subject.backend).prepare(
            subject.artifact,
            precision=subject.precision,
            batch=subject.batch,
            threads=self._setup.threads,
            gpu=self._setup.gpu,
            cache_dir=self._setup.cache_dir,
        )
        self._sessions[subject.key] = session
        session.start(images)
        return session


def batch_of(inputs: NDArray[np.float32], first: int, batch: int) -> NDArray[np.float32]:
    """A batch of the inputs, filled up with zeros behind the last one."""
    found = inputs[first : first + batch]
    if len(found) == batch:
        return found
    padded = np.zeros((batch, *inputs.shape[1:]), np.float32)
    padded[: len(found)] = found
    return padded


def resident_mib() -> float:
    """What this process has in memory now."""
    import psutil

    return float(psutil.Process().memory_info().rss) / BYTES_PER_MIB


class Desk:
    """Answers the questions."""

    def __init__(self) -> None:
        self._evaluator: Evaluator | None = None
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "setup": self._set_up,
            "load": lambda data: self._ready().load(Load.from_json(data)).to_json(),
            "evaluate": lambda data: self._ready().evaluate(Evaluate.from_json(data)).to_json(),
            "close": self._close,
        }

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer; an exception becomes a status and a reason."""
        try:
            return {"status": "ok", **self._answers[question["ask"]](question)}
        except Exception as error:
            failed = failure(error)
            return {"status": failed.status, "reason": failed.reason}

    def _set_up(self, data: dict[str, Any]) -> dict[str, Any]:
        self._evaluator = Evaluator(Setup.from_json(data))
        return {}

    def _close(self, data: dict[str, Any]) -> dict[str, Any]:
        self._ready().close(data["key"])
        return {}

    def _ready(self) -> Evaluator:
        assert self._evaluator is not None
        return self._evaluator


def main() -> int:
    """Answers until there is no more to evaluate."""
    end_with_parent()
    die_first()
    answer_lines(Desk().answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
