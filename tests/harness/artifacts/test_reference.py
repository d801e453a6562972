from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from harness.artifacts import reference
from harness.errors import HarnessError


@pytest.fixture(scope="module")
def reference_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.onnx"
    reference.write_reference(path)
    return path


def test_the_bytes_are_pinned(reference_path: Path) -> None:
    """Ratios of all runs ever made have this file as their unit: a change is a new unit."""
    digest = hashlib.sha256(reference_path.read_bytes()).hexdigest()
    assert digest == "83cb777f5f79890e772b3ad1bbcd2c6540e9116e6300d8e81ca0c46bcca8443e"
    assert digest == reference.REFERENCE_SHA256


def test_other_bytes_are_refused_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "REFERENCE_SHA256", "0" * 64)
    with pytest.raises(HarnessError, match="constraints"):
        reference.write_reference(tmp_path / "reference.onnx")
    assert list(tmp_path.iterdir()) == []


def test_old_runtimes_can_read_it(reference_path: Path) -> None:
    model = onnx.load(reference_path)
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]


def test_nothing_reveals_where_it_was_made(reference_path: Path) -> None:
    model = onnx.load(reference_path)
    assert {field.name for field, _ in model.ListFields()} == {"ir_version", "opset_import", "graph"}
    assert not any(node.doc_string for node in model.graph.node)


def test_its_logits_are_finite_and_depend_on_the_image(reference_path: Path) -> None:
    session = onnxruntime.InferenceSession(str(reference_path), providers=["CPUExecutionProvider"])
    resolution = reference.REFERENCE_RESOLUTION
    images = np.random.default_rng(0).standard_normal((2, 1, 3, resolution, resolution)).astype(np.float32)
    first, second = (session.run(["logits"], {"input": image})[0] for image in images)
    assert first.shape == (1, 1000)
    assert np.isfinite(first).all()
    assert 0.1 < first.std() < 100
    assert not np.allclose(first, second)
