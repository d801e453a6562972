"""PyTorch itself, on a network of the zoo and the artifact that is exported from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import converters
from foundation.vocabulary import METADATA_PREFIX
from harness import backends
from harness.backends.frameworks.pytorch import PyTorchBackend
from harness.backends.session import Session
from harness.errors import UnsupportedError
from harness.processes.target import Target
from harness.processes.trial import TrialJob
from harness.processes.trial_worker import measure_job
from harness.timing.settings import TimingSettings

MODEL = "regnet/RegNetX-200MF"
IMAGES = np.random.default_rng(1).standard_normal((1, 3, 224, 224)).astype(np.float32)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converters.convert(MODEL, cache_dir=tmp_path_factory.mktemp("cache")).path


def opened(path: Path, threads: int = 1) -> Session:
    return PyTorchBackend().prepare(path, precision="fp32", batch=1, threads=threads)


def changed(artifact: Path, path: Path, **facts: Any) -> Path:
    """A copy whose provenance says something else."""
    model = onnx.load(artifact)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    key = METADATA_PREFIX + "provenance"
    onnx.helper.set_model_props(model, {**texts, key: json.dumps({**json.loads(texts[key]), **facts})})
    onnx.save(model, path)
    return path


def test_it_runs_the_network_that_the_artifact_was_exported_from(artifact: Path) -> None:
    graph = onnxruntime.InferenceSession(str(artifact), providers=["CPUExecutionProvider"])
    with opened(artifact) as session:
        session.start(IMAGES)
        assert (session.latency_kind, session.precision_effective()) == ("host", "fp32")
        for scale in (1, -3):
            (logits,) = session.run(scale * IMAGES).values()
            (expected,) = graph.run(None, {"input": scale * IMAGES})
            assert np.linalg.norm(logits - expected) <= 1e-5 * np.linalg.norm(expected)


def test_it_uses_the_threads_that_were_asked_for(artifact: Path) -> None:
    before = torch.get_num_threads()
    try:
        for threads in (2, 1):
            with opened(artifact, threads):
                assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_a_network_in_another_precision_is_noticed(artifact: Path) -> None:
    with opened(artifact) as session:
        assert isinstance(session._module, torch.nn.Module)
        session._module.to(torch.bfloat16)
        assert session.precision_effective() == "bf16"


def test_a_trial_has_the_reference_network_beside_it(artifact: Path) -> None:
    backend = backends.get("pytorch")
    assert backend.reference_backend == "onnxruntime"
    first, second = (Target(str(artifact), "", name, "fp32", 1, 1) for name in ("pytorch", backend.reference_backend))
    result = measure_job(TrialJob(first, second, TimingSettings(block_ms=1.0, groups=2), 0))
    assert (result.status, result.provider, result.runtime) == ("ok", "PyTorch CPU", backend.runtime())


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"models": ["mine:network"]}, "whose code is not run because a file names it"),
        ({"release": {"framework": "tensorflow"}}, "is a network of tensorflow, not of pytorch: --backend tensorflow"),
        ({"implementation": "release"}, "was exported from the release's own code"),
        ({"weights": {"kind": "file", "sha256": ""}}, "has weights of a file, which is not part of the artifact"),
        ({"weights": {"kind": "probe", "sha256": "0"}}, "has other weights here than the artifact"),
        ({"weights": {"kind": "released", "sha256": "0"}}, "cannot be built again"),
        ({"models": ["regnet/none"]}, "cannot be built again"),
    ],
)
def test_what_cannot_be_built_again_is_unsupported(
    facts: dict[str, Any], message: str, artifact: Path, tmp_path: Path
) -> None:
    path = changed(artifact, tmp_path / "changed.onnx", **facts)
    with pytest.raises(UnsupportedError, match=message):
        PyTorchBackend().prepare(path, precision="fp32", batch=1, threads=1, cache_dir=tmp_path)


def test_a_file_without_provenance_is_unsupported(artifact: Path, tmp_path: Path) -> None:
    model = onnx.load(artifact)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(UnsupportedError, match="does not say which network it was exported from"):
        opened(tmp_path / "bare.onnx")
