"""The runtimes that can execute artifacts, imported only when one is asked for."""

from __future__ import annotations

import importlib

from harness.backends.backend import Backend
from harness.errors import HarnessError, UnknownBackendError

_factories: dict[str, str] = {}


def register(name: str, factory: str) -> None:
    """Make `factory` ("module:class", a Backend without arguments) known as `name`."""
    if name in _factories:
        raise ValueError(f"Backend {name} is registered already, as {_factories[name]}.")
    _factories[name] = factory


def names() -> list[str]:
    """The names of all registered backends, usable here or not, sorted."""
    return sorted(_factories)


def get(name: str) -> Backend:
    """The backend of this name; its module is imported now."""
    if name not in _factories:
        raise UnknownBackendError(f"There is no backend {name!r}; choose from {', '.join(names())}.")
    module, _, attribute = _factories[name].partition(":")
    backend: Backend = getattr(importlib.import_module(module), attribute)()
    return backend


def usable(name: str) -> Backend:
    """The backend of this name.

    Raises:
        HarnessError: it cannot run here; the message says why and what to do.
    """
    backend = get(name)
    available = backend.availability()
    if not available.usable:
        raise HarnessError(f"backend {name} cannot run here: {available.why} {available.what_to_do}")
    return backend


register("onnxruntime", "harness.backends.onnxruntime.cpu:OnnxRuntimeBackend")
register("tensorrt", "harness.backends.tensorrt.backend:TensorRtBackend")
register("onnxruntime-cuda", "harness.backends.onnxruntime.cuda:OnnxRuntimeCudaBackend")
register("onnxruntime-tensorrt", "harness.backends.onnxruntime.tensorrt:OnnxRuntimeTensorRtBackend")
