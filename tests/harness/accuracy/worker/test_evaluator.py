"""The evaluating process's work on a network, here in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.accuracy.messages import Evaluate, Evaluated, Load, OpenImages
from harness.accuracy.request import AccuracyRequest
from harness.accuracy.targets import EvaluationTarget, evaluation_target
from harness.accuracy.worker.evaluator import Evaluator
from harness.accuracy.worker.top_classes import NONE
from harness.backends.session import Session
from harness.datasets import open_images
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.classifiers import series_of

COUNT = 42
BATCH = 4


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """The sizes of the batches that are run."""
    found: list[int] = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda self, images: found.append(len(images)) or run(self, images))
    return found


def evaluated(folder: Path, network: Path) -> Evaluated:
    images, series = open_images(folder), series_of(network, batch=BATCH)
    target = evaluation_target(series, series.target(1, GpuSettings(), folder), images, None)
    assert isinstance(target, EvaluationTarget)
    evaluator = Evaluator(OpenImages(AccuracyRequest(folder).selection(), images.digest, "", 1))
    evaluator.load(Load(0, COUNT, COUNT, (target,), ()))
    try:
        return evaluator.evaluate(Evaluate(target, 0, COUNT))
    finally:
        evaluator.close(target.key)


def paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.png"))


def test_batches_without_a_readable_image_are_not_run(make_images, write_classifier, batches) -> None:
    folder, network = make_images(), write_classifier(batch=BATCH)
    whole = evaluated(folder, network).top
    assert batches == [BATCH] * 11
    batches.clear()
    # The second batch, one image of the third, and the last batch, which has two images.
    broken = [4, 5, 6, 7, 9, 40, 41]
    for index in broken:
        paths(folder)[index].write_bytes(b"<html>")
    found = evaluated(folder, network).top
    assert batches == [BATCH] * 9
    assert (found[broken] == NONE).all()
    others = np.setdiff1d(np.arange(COUNT), broken)
    assert (found[others] == whole[others]).all()


def test_nothing_is_run_where_nothing_can_be_read(make_images, write_classifier, batches) -> None:
    folder = make_images()
    for path in paths(folder):
        path.write_bytes(b"<html>")
    found = evaluated(folder, write_classifier(batch=BATCH))
    assert (found.top == NONE).all()
    assert found.top.shape == (COUNT, 5)
    assert found.inference_s == 0
    assert not batches
