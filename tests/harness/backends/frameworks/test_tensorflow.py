"""TensorFlow itself, on a network of the zoo; in a process of its own, as in a trial."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import backends
from harness.backends.frameworks.tensorflow import TensorFlowBackend

_CONVERSION = """
import sys
from pathlib import Path

import converters

print(converters.convert("efficientnet_x/efficientnet-x-b0", cache_dir=Path(sys.argv[1])).path)
"""

_PROGRAM = """
import json, sys
from pathlib import Path

import numpy as np

from harness.backends.frameworks.tensorflow import TensorFlowBackend
from harness.errors import UnsupportedError

import onnxruntime, tensorflow as tf

images = np.random.default_rng(1).standard_normal((1, 3, 224, 224)).astype(np.float32)
path = Path(sys.argv[1])
session = TensorFlowBackend().prepare(path, precision="fp32", batch=1, threads=2)
session.start(images)
(logits,) = session.outputs().values()
(expected,) = onnxruntime.InferenceSession(str(path)).run(None, {"input": images})
try:
    TensorFlowBackend().prepare(path, precision="fp32", batch=1, threads=1)
    refused = ""
except UnsupportedError as error:
    refused = str(error)
print(json.dumps({
    "error": float(np.linalg.norm(logits - expected) / np.linalg.norm(expected)),
    "precision": session.precision_effective(),
    "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    "refused": refused,
}))
"""


def test_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TensorFlowBackend().availability().usable
    monkeypatch.setattr("harness.backends.frameworks.tensorflow.package_version", lambda _name: None)
    found = TensorFlowBackend().availability()
    assert (found.usable, found.what_to_do) == (False, "Run: pip install 'baseline-zoo[all]'")
    assert backends.get("tensorflow").reference_backend == "onnxruntime"


@pytest.mark.slow
def test_it_runs_the_network_that_the_artifact_was_exported_from(tmp_path: Path) -> None:
    path = _last_line(_CONVERSION, str(tmp_path))
    found = json.loads(_last_line(_PROGRAM, path))
    assert found["error"] <= 1e-5
    assert (found["precision"], found["threads"]) == ("fp32", 2)
    assert "already runs in this process on 2 threads, and cannot change to 1" in found["refused"]


def _last_line(program: str, argument: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program, argument], capture_output=True, text=True, check=True)
    return ended.stdout.strip().splitlines()[-1]
