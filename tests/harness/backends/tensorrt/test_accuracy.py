"""The evaluating process's work on an engine, here in one process with the fake TensorRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from harness.accuracy.messages import Evaluate, Load, OpenImages
from harness.accuracy.request import AccuracyRequest
from harness.accuracy.targets import EvaluationTarget, evaluation_target
from harness.accuracy.worker.evaluator import Evaluator
from harness.backends.tensorrt.backend import TensorRtBackend
from harness.datasets import open_images
from harness.machine.gpu.settings import GpuSettings
from tests.fakes.classifiers import CLASSES, RESOLUTION, classifier, picture, series_of
from tests.fakes.tensorrt import TensorRtScript


@pytest.mark.parametrize("cuda_graph", [False, True])
def test_an_engine_predicts_the_same_classes_as_the_processor(
    script: TensorRtScript, tmp_path: Path, cuda_graph: bool
) -> None:
    folder = tmp_path / "images"
    for number in range(CLASSES):
        (folder / f"{number}").mkdir(parents=True)
        Image.fromarray(picture(number, 18, 18)).save(folder / f"{number}" / f"{number}.png")
    path = tmp_path / "net.onnx"
    path.write_bytes(classifier(CLASSES, 2, RESOLUTION, 0, 1.0).SerializeToString())
    gpu, request = GpuSettings(cuda_graph=cuda_graph), AccuracyRequest(folder)
    TensorRtBackend().build(path, precision="fp32", gpu=gpu, cache_dir=tmp_path)

    images = open_images(folder)
    series = series_of(path, backend="tensorrt")
    target = evaluation_target(series, series.target(1, gpu, tmp_path), images, None)
    assert isinstance(target, EvaluationTarget)
    evaluator = Evaluator(OpenImages(request.selection(), images.digest, "", 1))
    evaluator.load(Load(0, CLASSES, CLASSES, (target,), ()))
    found = evaluator.evaluate(Evaluate(target, 0, CLASSES)).top
    evaluator.close(target.key)

    session = onnxruntime.InferenceSession(path)
    for number in range(CLASSES):
        crop = Image.open(folder / f"{number}" / f"{number}.png").crop((1, 1, 17, 17))
        inputs = target.pipeline.normalised(np.asarray(crop))
        (logits,) = session.run(None, {"input": np.stack([inputs, inputs])})
        assert found[number].tolist() == np.argsort(-logits[0], kind="stable")[:5].tolist()
