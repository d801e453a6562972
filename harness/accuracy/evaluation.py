"""One pass over the images for all networks: decoded once, each chunk's results on disk before the next."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence

import numpy as np

from foundation.units import BYTES_PER_MIB
from foundation.wording import one_line
from harness.accuracy.memory import OpenNetworks, batches_together, chunk_images, fitting_images
from harness.accuracy.messages import Evaluate, Load, OpenImages
from harness.accuracy.process import EvaluatingProcess
from harness.accuracy.records import ImageRecord, Predictions
from harness.accuracy.request import AccuracyRequest
from harness.accuracy.targets import EvaluationTarget
from harness.datasets import ImageSet
from harness.errors import ChildError
from harness.text.progress import Progress
from zoo.preprocessing import Pipeline

_IMAGES_OF_A_QUESTION = 32
"""Approximate number of images per question, so that a network that hangs is distinguished from a slow one."""

_SHARE_OF_IMAGES = 0.5
"""Share of the memory that images may take; the networks get the rest."""


@dataclasses.dataclass
class Cost:
    """Cost of a pass, in seconds."""

    preparing_s: float = 0.0
    """Processor time of decoding and resizing, in threads that run alongside the networks."""
    inference_s: float = 0.0
    """Time of the networks' inferences."""
    inference_thread_s: float = 0.0
    """Their processor time in the calling thread: all of it if an inference uses one thread."""


@dataclasses.dataclass(frozen=True)
class EvaluationResult:
    """How an evaluation ended."""

    failures: dict[str, str]
    """Why series were not evaluated to the end, by key."""
    cost: Cost


class Evaluation:
    """One pass over the images, in which every series sees the ones it has not seen yet."""

    def __init__(
        self, predictions: Sequence[Predictions], images: ImageSet, record: ImageRecord, request: AccuracyRequest
    ) -> None:
        """Starts nothing yet.

        Args:
            predictions: those of each series; complete ones are left alone.
            images: the images to evaluate.
            record: the record of the images that were read.
            request: memory, decoders, cache and time.
        """
        # Networks with the same pipeline follow one another, so that its inputs are made only once.
        first = {one.target.pipeline: position for position, one in reversed(list(enumerate(predictions)))}
        pending = [one for one in predictions if not one.complete]
        self._pending = sorted(pending, key=lambda one: first[one.target.pipeline])
        self._images = images
        self._record = record
        self._cost = Cost()
        self._failures: dict[str, str] = {}
        budget_mib = request.memory_budget_mib()
        self._image_bytes = int(_SHARE_OF_IMAGES * budget_mib * BYTES_PER_MIB)
        opened = OpenImages(
            selection=request.selection(),
            images_digest=images.digest,
            image_cache=str(request.cache_images.resolve()) if request.cache_images else "",
            decoders=request.decoders or os.cpu_count() or 1,
        )
        networks = OpenNetworks((1 - _SHARE_OF_IMAGES) * budget_mib)
        self._process = EvaluatingProcess(opened, networks, request.timeout_s)

    def run(self) -> EvaluationResult:
        """Evaluates the series that are not complete.

        Returns:
            The failures and the cost. The predictions of all other series are complete.

        Raises:
            AccuracyError: an image has changed or can no longer be read, or decoding ended the process.
            StorageError: results can no longer be stored.
        """
        count = len(self._images.items)
        work = sum(count - one.done for one in self._pending)
        if self._pending:
            with Progress("accuracy", work) as progress:
                for together in self._groups():
                    with self._process:
                        for start, stop, next_stop in self._chunks(together):
                            self._evaluate_chunk(together, start, stop, next_stop, progress)
        for one in self._pending:
            if one.done == count:
                one.finish(self._record.digest())
        return EvaluationResult(self._failures, self._cost)

    def _groups(self) -> list[list[Predictions]]:
        """Groups of series that see the images together: usually one group of all, but see `batches_together`."""
        groups = batches_together((one.target.network.batch for one in self._pending), self._fitting(self._pending))
        return [[one for one in self._pending if one.target.network.batch in batches] for batches in groups]

    def _fitting(self, together: Sequence[Predictions]) -> int:
        return fitting_images((one.target.pipeline for one in together), self._image_bytes)

    def _chunks(self, together: Sequence[Predictions]) -> list[tuple[int, int, int]]:
        """Start and end of every chunk that some series has not seen, and the end of the chunk after it."""
        batches = {one.target.network.batch for one in together}
        length = chunk_images(batches, self._fitting(together))
        begin = min(one.done for one in together)
        begin -= begin % math.lcm(*batches)
        count = len(self._images.items)
        starts = range(begin, count, length)
        return [(start, min(start + length, count), min(start + 2 * length, count)) for start in starts]

    def _evaluate_chunk(
        self, together: Sequence[Predictions], start: int, stop: int, next_stop: int, progress: Progress
    ) -> None:
        alive = [one for one in together if one.target.key not in self._failures]
        now, ahead = ([one for one in alive if one.done < end] for end in (stop, next_stop))
        if not now:
            return
        loaded = self._process.load(Load(start, stop, next_stop, _one_of_each(now), _one_of_each(ahead)))
        self._cost.preparing_s += loaded.preparing_s
        self._record.add(start, loaded)
        for one in now:
            self._evaluate_network(one, max(start, one.done), stop, progress)
        progress.tell(f"images {start + 1:,} to {stop:,} of {len(self._images.items):,}")

    def _evaluate_network(self, one: Predictions, start: int, stop: int, progress: Progress) -> None:
        target = one.target
        batches = -(-_IMAGES_OF_A_QUESTION // target.network.batch)
        step = target.network.batch * batches
        top = []
        try:
            for first in range(start, stop, step):
                last = min(first + step, stop)
                found = self._process.evaluate(Evaluate(target, first, last))
                self._cost.inference_s += found.inference_s
                self._cost.inference_thread_s += found.inference_thread_s
                top.append(found.top)
                progress.advance(last - first)
        except ChildError as error:
            reason = one_line(str(error) if error.status == "failed" else f"{error.status.replace('_', ' ')}: {error}")
            self._failures[target.key] = reason
            progress.tell(f"{target.model}: {reason}", problem=True)
            progress.shorten(len(self._images.items) - one.done - sum(map(len, top)))
            return
        self._process.finished(target)
        one.append(np.concatenate(top))


def _one_of_each(predictions: Sequence[Predictions]) -> tuple[EvaluationTarget, ...]:
    """One target per pipeline."""
    found: dict[Pipeline, EvaluationTarget] = {}
    for one in predictions:
        found.setdefault(one.target.pipeline, one.target)
    return tuple(found.values())
