"""Engines on disk, stored by artifact, precision, TensorRT, GPU, driver and build settings.

An entry is a directory with the engine and a sidecar; it is prepared elsewhere and renamed, so that it appears
complete or not at all. Its name is derived from what it was built for: an engine of another TensorRT or another GPU is
another entry and is never loaded. The engine's digest reveals later damage.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from foundation.record_types import array, check_types
from foundation.replacing import replacing
from foundation.units import BYTES_PER_MIB
from harness.backends.backend import BuildFacts, BuiltEngine
from harness.errors import StorageError
from harness.files.locking import KernelLock
from harness.files.storage import explained

ENGINES_FOLDER = "engines"
ENGINE_FILE = "engine.plan"
SIDECAR_FILE = "engine.json"
LAYERS_FILE = "layers.json"

# Builds of the same engine wait for each other this long; a build has its own timeout.
_LOCK_TIMEOUT_S = 3600.0
_LOCK_POLL_S = 0.1


@dataclasses.dataclass(frozen=True)
class EngineKey:
    """Everything that decides which engine a build makes."""

    artifact_sha256: str
    precision: str
    library: str
    """`TensorRT` or `TensorRT-RTX`."""
    version: str
    """The library's version."""
    workspace_mib: int | None
    tactic_sources: tuple[str, ...]
    """Allowed sources of kernels; empty leaves the choice to the library."""
    capabilities: tuple[str, ...] = ()
    """GPUs that the engine is built for, as in `sm86`; empty leaves the choice to the library."""
    gpu: str = ""
    """Name of the GPU on which it is built; like the next three empty (0) if it is built without one."""
    compute_capability: str = ""
    cuda_driver: int = 0
    """The newest CUDA version that the driver supports, as in 13000."""
    driver: str = ""
    """Version of the kernel module; empty too if the system does not report it."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EngineKey:
        """The key read back."""
        return cls(**{**data, **{name: array(data[name]) for name in ("tactic_sources", "capabilities")}})

    @property
    def stem(self) -> str:
        """Beginning of the name, which all engines of one artifact and precision share."""
        return f"{self.artifact_sha256[:12]}-{self.precision}"

    @property
    def name(self) -> str:
        """Name of the entry."""
        content = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return f"{self.stem}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    @property
    def timing_name(self) -> str:
        """Name of the cache of kernel timings, which all engines of one TensorRT, GPU and driver share."""
        facts = (self.library, self.version, self.gpu, self.compute_capability, self.cuda_driver, self.driver)
        return f"timing-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"


@dataclasses.dataclass(frozen=True)
class EngineSidecar:
    """Facts about the build of an engine."""

    sha256: str
    size_bytes: int
    build_s: float
    precision_effective: str
    """Read back from the engine; empty if it was built without a GPU, and so could not be loaded."""
    log_tail: tuple[str, ...]
    """The last messages of the build."""
    built_for: EngineKey
    facts: BuildFacts = dataclasses.field(default_factory=BuildFacts)

    def to_json(self) -> dict[str, Any]:
        """The sidecar as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EngineSidecar:
        """The sidecar read back.

        Raises:
            KeyError, TypeError: a fact is missing, unknown or of another type.
        """
        sidecar = cls(
            **{
                **data,
                "log_tail": array(data["log_tail"]),
                "built_for": EngineKey.from_json(data["built_for"]),
                "facts": BuildFacts.from_json(data["facts"]),
            }
        )
        check_types(sidecar)
        return sidecar


@dataclasses.dataclass(frozen=True)
class StoredEngine:
    """An intact entry."""

    directory: Path
    plan: bytes
    sidecar: EngineSidecar

    def built(self, *, cached: bool) -> BuiltEngine:
        """The entry as the record that a backend returns."""
        return BuiltEngine(
            path=self.directory / ENGINE_FILE,
            sha256=self.sidecar.sha256,
            size_mib=self.sidecar.size_bytes / BYTES_PER_MIB,
            build_s=self.sidecar.build_s,
            cached=cached,
            precision_effective=self.sidecar.precision_effective,
            facts=self.sidecar.facts,
        )


class EngineStore:
    """The engines and timing caches under a cache directory or in a bundle; several processes may share it."""

    def __init__(self, cache_dir: Path) -> None:
        self.root = cache_dir / ENGINES_FOLDER

    def directory(self, key: EngineKey) -> Path:
        """Returns the directory of this key's engine, once it is built."""
        return self.root / key.name

    def log_path(self, key: EngineKey) -> Path:
        """Returns the file with the messages of the last build, even if it failed."""
        return self.root / f"{key.name}.log"

    def find(self, key: EngineKey) -> StoredEngine | None:
        """Returns the intact engine of this key; None if there is none, or if it is damaged."""
        directory = self.directory(key)
        sidecar = _sidecar(directory)
        try:
            plan = (directory / ENGINE_FILE).read_bytes()
        except OSError:
            return None
        if sidecar is None or hashlib.sha256(plan).hexdigest() != sidecar.sha256 or sidecar.built_for != key:
            return None
        return StoredEngine(directory, plan, sidecar)

    def is_there(self, key: EngineKey) -> bool:
        """Returns whether there is an entry, damaged or not."""
        return self.directory(key).is_dir()

    def put(self, key: EngineKey, plan: bytes, sidecar: EngineSidecar, layers: str = "") -> StoredEngine:
        """Stores an engine with its sidecar and, if there is one, the inspector's description of its layers.

        Raises:
            StorageError: the entry cannot be written.
        """
        directory = self.directory(key)
        with explained_cache(directory):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=_aside(key), dir=self.root) as aside:
                prepared = Path(aside) / "entry"
                prepared.mkdir()
                (prepared / ENGINE_FILE).write_bytes(plan)
                if layers:
                    (prepared / LAYERS_FILE).write_text(layers, encoding="utf-8")
                (prepared / SIDECAR_FILE).write_text(json.dumps(sidecar.to_json(), indent=2) + "\n", encoding="utf-8")
                self.remove(key)
                prepared.rename(directory)
        return StoredEngine(directory, plan, sidecar)

    def copied(self, engine: StoredEngine) -> StoredEngine:
        """Stores a copy of an engine from another store.

        Raises:
            StorageError: the entry cannot be written.
        """
        layers = engine.directory / LAYERS_FILE
        with explained_cache(layers):
            # No digest covers these: a damaged description must not cost the engine.
            text = layers.read_text(encoding="utf-8", errors="replace") if layers.is_file() else ""
        return self.put(engine.sidecar.built_for, engine.plan, engine.sidecar, text)

    def of_artifact(self, key: EngineKey) -> list[Path]:
        """Returns the folders with engines of the key's artifact and precision, whatever they were built for."""
        return sorted(self.root.glob(f"{key.stem}-*/"))

    def remove(self, key: EngineKey) -> None:
        """Removes the engine of this key, if there is one."""
        shutil.rmtree(self.directory(key), ignore_errors=True)

    @contextlib.contextmanager
    def building(self, key: EngineKey) -> Iterator[None]:
        """Holds the exclusive right to build the engine of this key; other processes wait for it."""
        with self._locked(key.name):
            self._remove_unfinished(key)
            yield

    def _remove_unfinished(self, key: EngineKey) -> None:
        """Removes what a process that was killed while it stored this engine left behind."""
        for folder in self.root.glob(f"{_aside(key)}*/"):
            shutil.rmtree(folder, ignore_errors=True)

    def read_timings(self, key: EngineKey) -> bytes:
        """Returns the serialised timing cache; empty if there is none yet."""
        with self._locked(key.timing_name):
            return self._timings(key)

    @contextlib.contextmanager
    def replacing_timings(self, key: EngineKey) -> Iterator[TimingsFile]:
        """Yields the current timing cache, which is locked until the merged one is written."""
        with self._locked(key.timing_name):
            yield TimingsFile(self.root / f"{key.timing_name}.cache", self._timings(key))

    def _timings(self, key: EngineKey) -> bytes:
        try:
            return (self.root / f"{key.timing_name}.cache").read_bytes()
        except FileNotFoundError:
            return b""

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with explained_cache(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = _wait_for_lock(self.root / f"{name}.lock")
        try:
            yield
        finally:
            lock.release()


def _aside(key: EngineKey) -> str:
    """Beginning of the name of the folder in which an entry is prepared."""
    return f".{key.name}-"


def why_unfit(offered: EngineStore, key: EngineKey) -> str:
    """Says why no engine in a store that another machine filled is the one of this key; empty if there is none."""
    reasons: list[str] = []
    for folder in offered.of_artifact(key):
        sidecar = _sidecar(folder)
        if sidecar is None:
            reasons.append(f"{folder.name} is damaged")
            continue
        found, wanted = dataclasses.asdict(sidecar.built_for), dataclasses.asdict(key)
        differences = [f"{name} {_shown(found[name])}, here {_shown(wanted[name])}" for name in wanted]
        unequal = [text for name, text in zip(wanted, differences, strict=True) if found[name] != wanted[name]]
        reasons.append(f"built for {'; '.join(unequal)}" if unequal else f"{folder.name} is damaged")
    return " or ".join(dict.fromkeys(reasons))


def _sidecar(folder: Path) -> EngineSidecar | None:
    """The sidecar in a folder; None if it cannot be read."""
    try:
        return EngineSidecar.from_json(json.loads((folder / SIDECAR_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _shown(value: Any) -> str:
    return "+".join(value) or "the default" if isinstance(value, tuple) else str(value or "none")


@dataclasses.dataclass(frozen=True)
class TimingsFile:
    """A serialised timing cache and its path."""

    path: Path
    content: bytes

    def replace(self, content: bytes) -> None:
        """Writes the new content such that a reader sees either the old or the new content."""
        with explained_cache(self.path), replacing(self.path) as temporary:
            temporary.write_bytes(content)


def explained_cache(path: Path) -> AbstractContextManager[None]:
    """Turns an `OSError` about a file of the cache into a `StorageError` that says what to do next."""
    return explained(path, option="--cache-dir", kept="Every engine that was built")


def _wait_for_lock(path: Path) -> KernelLock:
    deadline_s = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            return KernelLock(path)
        except BlockingIOError as error:
            if time.monotonic() > deadline_s:
                raise StorageError(
                    f"Another process has held {path} for {_LOCK_TIMEOUT_S / 60:.0f} minutes. End it, then run again."
                ) from error
        time.sleep(_LOCK_POLL_S)
