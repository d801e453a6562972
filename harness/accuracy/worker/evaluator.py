"""The state of the evaluating process: a chunk of images, the next one in preparation, and the open networks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.units import BYTES_PER_MIB
from harness.accuracy.messages import Evaluate, Evaluated, Load, Loaded, OpenImages
from harness.accuracy.request import open_selection
from harness.accuracy.targets import EvaluationTarget
from harness.accuracy.worker.chunk import Chunk
from harness.accuracy.worker.image_cache import ImageCache
from harness.accuracy.worker.inputs import Inputs
from harness.accuracy.worker.top_classes import GUESSES, NONE, labels_of, top_classes
from harness.artifacts.rounding import rounded
from harness.backends.session import Session
from harness.datasets import ImageSet, output_labels
from harness.errors import AccuracyError, ArtifactError
from harness.files.shapes import classes_of
from harness.processes.target import Target
from harness.processes.tensors import check_finite

_FLOAT16_RANGE = "Float16 has no value beyond 65504: keep a network that exceeds it in fp32."


class Evaluator:
    """Prepares images chunk by chunk, and runs networks on them."""

    def __init__(self, asked: OpenImages) -> None:
        """Opens the images.

        Raises:
            AccuracyError: they are not the images that the run opened.
        """
        self._images: ImageSet = open_selection(asked.selection)
        if self._images.digest != asked.images_digest:
            raise AccuracyError("the names or labels of the images changed during the evaluation")
        self._cache = (
            ImageCache(Path(asked.image_cache), self._images.digest, len(self._images.items), self._images.encoded)
            if asked.image_cache
            else None
        )
        self._pool = ThreadPoolExecutor(asked.decoders)
        self._inputs = Inputs(asked.decoders)
        self._chunk: Chunk | None = None
        self._next: Chunk | None = None
        self._sessions: dict[str, Session] = {}

    def load(self, asked: Load) -> Loaded:
        """Waits for the images, and starts to prepare the next ones."""
        pipelines, next_pipelines = (
            [target.pipeline for target in targets] for targets in (asked.targets, asked.next_targets)
        )
        # From here until `wait` returns, this function alone owns the chunk, so that no network ever sees an
        # incomplete one. If `wait` raises, it has cancelled what no thread had started, the chunk is dropped, both
        # attributes stay None, and the parent ends this process.
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
        """Runs a network, opening it first if necessary, on the batches that hold an image that gave an input."""
        target, batch = asked.target, asked.target.network.batch
        assert self._chunk is not None
        usable = self._chunk.usable(target.pipeline, asked.start, asked.stop)
        firsts = [first for first in range(0, len(usable), batch) if usable[first : first + batch].any()]
        if not firsts:
            return Evaluated(np.full((len(usable), GUESSES), NONE, np.int32), 0.0, 0.0, 0.0)
        taken_mib = 0.0
        try:
            inputs = self._inputs.of(self._chunk, target.pipeline, asked.start, asked.stop)
            batches = [batch_of(inputs, first, batch) for first in firsts]
            session = self._sessions.get(target.key)
            if session is None:
                with rounded(target.network) if target.computed_in else nullcontext(target.network) as network:
                    before_mib = self._beside_images_mib()
                    session = self._open(network, target.key, batches[0])
                    taken_mib = self._beside_images_mib() - before_mib
            began_s, began_thread_s = time.perf_counter(), time.thread_time()
            outputs = [session.run(_as_taken(session, batch)) for batch in batches]
            inference_s, thread_s = time.perf_counter() - began_s, time.thread_time() - began_thread_s
            top = self._predicted(outputs, target, firsts, usable)
        except Exception:
            self.close(target.key)
            raise
        return Evaluated(top, inference_s, thread_s, taken_mib)

    def close(self, key: str) -> None:
        """Frees a network, if it is open."""
        session = self._sessions.pop(key, None)
        if session is not None:
            session.close()

    def _beside_images_mib(self) -> float:
        """Resident memory of this process without the images, which threads keep adding to."""
        images = sum(part.written_bytes for part in (self._inputs, self._chunk, self._next) if part is not None)
        return resident_mib() - images / BYTES_PER_MIB

    def _predicted(
        self,
        outputs: list[dict[str, NDArray[Any]]],
        target: EvaluationTarget,
        firsts: Sequence[int],
        usable: NDArray[np.bool_],
    ) -> NDArray[np.int32]:
        """Returns the predictions of a network for each of some images, (N, 5).

        Args:
            outputs: the outputs of each batch that was run.
            target: the network.
            firsts: where these batches begin among the images; the others hold no image that gave an input.
            usable: which of the images gave an input, (N,). Outputs for the others, whose inputs are zeros, and for
                the padding of the last batch are ignored, even if they are not finite.

        Raises:
            ArtifactError: the first output is not one number for every class of the labels, or is not finite.
        """
        artifact, batch = target.network.artifact, target.network.batch
        name, example = next(iter(outputs[0].items()))
        classes = classes_of(example.shape)
        if classes is None or len(example) != batch or not np.issubdtype(example.dtype, np.floating):
            raise ArtifactError(
                f"{artifact}: the output {name!r} is {example.dtype} {list(example.shape)}, but one number for "
                f"each image and class is expected, [{batch}, {target.classes}]. Export the complete classifier."
            )
        if classes != target.classes:
            wrong = output_labels(self._images, classes, target.model)
            raise ArtifactError(
                wrong
                if isinstance(wrong, str)
                else f"{artifact}: {classes:,} outputs where {target.classes:,} were expected; export it again"
            )
        logits = np.concatenate(
            [
                output[name].reshape(batch, classes)[: len(usable) - first][usable[first : first + batch]]
                for first, output in zip(firsts, outputs, strict=True)
            ]
        )
        try:
            check_finite({name: logits})
        except ArtifactError as error:
            if target.network.precision != "fp16":
                raise
            raise ArtifactError(f"{error} {_FLOAT16_RANGE}") from error
        top = np.full((len(usable), GUESSES), NONE, np.int32)
        top[usable] = labels_of(top_classes(logits), target.output_labels)
        return top

    def _open(self, network: Target, key: str, images: NDArray[np.float32]) -> Session:
        session = self._sessions[key] = network.open()
        session.start(_as_taken(session, images))
        return session


def _as_taken(session: Session, images: NDArray[np.float32]) -> NDArray[Any]:
    """The images in the type that the network takes them in: float32, or float16."""
    return images.astype(session.input.dtype, copy=False)


def batch_of(inputs: NDArray[np.float32], first: int, batch: int) -> NDArray[np.float32]:
    """Returns a batch of the inputs, padded with zeros after the last one."""
    found = inputs[first : first + batch]
    if len(found) == batch:
        return found
    padded = np.zeros((batch, *inputs.shape[1:]), np.float32)
    padded[: len(found)] = found
    return padded


def resident_mib() -> float:
    """Resident memory of this process."""
    import psutil

    return float(psutil.Process().memory_info().rss) / BYTES_PER_MIB
