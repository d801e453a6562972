from __future__ import annotations

import subprocess
import sys

import pytest

from harness import backends, errors
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend


def test_get_returns_the_registered_backend() -> None:
    assert isinstance(backends.get("onnxruntime"), OnnxRuntimeBackend)
    assert "onnxruntime" in backends.names()


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(errors.UnknownBackendError, match=r"no backend 'onnxruntim'.*onnxruntime"):
        backends.get("onnxruntim")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="already registered"):
        backends.register("onnxruntime", "another:Backend")


def test_a_new_backend_needs_no_edit_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_factories", dict(backends._factories))
    backends.register("another", "harness.backends.onnxruntime.cpu:OnnxRuntimeBackend")
    assert "another" in backends.names()
    assert backends.names() == sorted(backends.names())
    assert isinstance(backends.get("another"), OnnxRuntimeBackend)


def test_the_registry_imports_no_runtime() -> None:
    code = "import harness.backends, sys; print('onnxruntime' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
