from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from harness.backends.onnxruntime import float16
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.backends.onnxruntime.cuda import OnnxRuntimeCudaBackend


class Session:
    """Computes as kernels of this type would."""

    kind: type[np.floating]

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def run(self, _: None, values: dict[str, np.ndarray]) -> list[np.ndarray]:
        x, up, down = (values[name].astype(self.kind) for name in ("x", "up", "down"))
        with np.errstate(over="ignore"):
            return [(x * up * down).astype(np.float16)]


@pytest.mark.parametrize(("kind", "rounds"), [(np.float16, True), (np.float32, False)])
def test_kernels_that_round_are_told_from_those_that_do_not(monkeypatch, kind, rounds):
    monkeypatch.setattr(onnxruntime, "InferenceSession", type("Fake", (Session,), {"kind": kind}))
    assert float16.rounds_float16.__wrapped__() is rounds


def test_the_runtime_accepts_the_network():
    assert float16.rounds_float16() in (True, False)


def test_kernels_of_a_gpu_always_round(monkeypatch):
    monkeypatch.setattr(float16, "rounds_float16", lambda: False)
    assert not OnnxRuntimeBackend().rounds_float16()
    assert OnnxRuntimeCudaBackend().rounds_float16()
