"""The runtimes that can execute artifacts, each imported only when it is requested."""

from __future__ import annotations

import importlib

from harness.backends.backend import Backend
from harness.errors import HarnessError, UnknownBackendError

_factories: dict[str, str] = {}


def register(name: str, factory: str) -> None:
    """Registers `factory` ("module:class", a Backend without constructor arguments) under `name`."""
    if name in _factories:
        raise ValueError(f"Backend {name} is already registered as {_factories[name]}.")
    _factories[name] = factory


def names() -> list[str]:
    """Returns the names of all registered backends, usable here or not, sorted."""
    return sorted(_factories)


def get(name: str) -> Backend:
    """Imports the module of the backend with this name and returns the backend."""
    if name not in _factories:
        raise UnknownBackendError(f"There is no backend {name!r}; choose from {', '.join(names())}.")
    module, _, attribute = _factories[name].partition(":")
    backend: Backend = getattr(importlib.import_module(module), attribute)()
    return backend


def usable(name: str) -> Backend:
    """Returns the backend with this name.

    Raises:
        HarnessError: the backend cannot run here; the message says why and what to do.
    """
    backend = get(name)
    available = backend.availability()
    if not available.usable:
        raise HarnessError(f"backend {name} cannot run here: {available.why} {available.what_to_do}")
    return backend


def buildable(name: str) -> Backend:
    """Returns the backend with this name.

    Raises:
        HarnessError: the backend cannot build engines here; the message says why and what to do.
    """
    backend = get(name)
    available = backend.build_availability()
    if not available.usable:
        raise HarnessError(f"backend {name} cannot build engines here: {available.why} {available.what_to_do}")
    return backend


register("onnxruntime", "harness.backends.onnxruntime.cpu:OnnxRuntimeBackend")
register("openvino", "harness.backends.openvino.backend:OpenVinoBackend")
register("tensorrt", "harness.backends.tensorrt.backend:TensorRtBackend")
register("tensorrt-rtx", "harness.backends.tensorrt.rtx_backend:TensorRtRtxBackend")
register("onnxruntime-cuda", "harness.backends.onnxruntime.cuda:OnnxRuntimeCudaBackend")
register("onnxruntime-tensorrt", "harness.backends.onnxruntime.tensorrt:OnnxRuntimeTensorRtBackend")
register("pytorch", "harness.backends.frameworks.pytorch:PyTorchBackend")
register("tensorflow", "harness.backends.frameworks.tensorflow:TensorFlowBackend")
