"""Kernels that TensorRT-RTX compiles for the available GPU, kept in a file from one process to the next.

An engine of TensorRT-RTX holds no kernels for one GPU: they are compiled when its context is created or first run
("JIT"). Its runtime cache holds them afterwards. Source: documentation of TensorRT for RTX, Working with Runtime
Cache; the library itself ignores a cache of another GPU, of a newer version or of a newer CUDA.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from foundation.replacing import replacing
from harness.backends.tensorrt.engines import explained_cache

JitCacheUse = Literal["hit", "partial", "miss"]


def jit_cache_name(engine_sha256: str, gpu: str, compute_capability: str, driver: str) -> str:
    """Name of the file with an engine's kernels for one GPU and driver."""
    facts = json.dumps((engine_sha256, gpu, compute_capability, driver))
    return f"jit-{hashlib.sha256(facts.encode()).hexdigest()[:16]}.cache"


class JitCache:
    """The kernels of one engine in this process."""

    def __init__(self, path: Path) -> None:
        """Reads the file, if there is one.

        Raises:
            StorageError: the file cannot be read.
        """
        self._path = path
        self._content = b""
        with explained_cache(path):
            if path.is_file():
                self._content = path.read_bytes()
        self._loaded_bytes = 0
        self._config: Any = None
        self._cache: Any = None

    def create_context(self, trt: Any, engine: Any) -> Any:
        """Returns an execution context that uses and fills the cache, or None if there is too little memory."""
        if self._config is None:
            self._config = engine.create_runtime_config()
            # The harness captures graphs itself where `--cuda-graph` asks for them.
            self._config.cuda_graph_strategy = trt.CudaGraphStrategy.DISABLED
            self._cache = self._config.create_runtime_cache()
            if self._content and self._cache.deserialize(self._content):
                self._loaded_bytes = len(self._content)
            self._config.set_runtime_cache(self._cache)
        return engine.create_execution_context(self._config)

    def keep(self) -> JitCacheUse:
        """Writes the kernels after the first inference, and returns whether the file had them.

        `hit`: all of them; `partial`: it was taken, and kernels were added; `miss`: there was none, or the library
        refused it. The library does not report which; a cache to which nothing was added has the size of its file.

        Raises:
            StorageError: the file cannot be written.
        """
        content = bytes(self._cache.serialize())
        if self._loaded_bytes and len(content) == self._loaded_bytes:
            return "hit"
        with explained_cache(self._path), replacing(self._path) as temporary:
            temporary.write_bytes(content)
        return "partial" if self._loaded_bytes else "miss"

    def release(self) -> None:
        """Frees the library's objects; the contexts must be freed before, the engine after."""
        self._cache = None
        self._config = None
