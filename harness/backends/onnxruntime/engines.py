"""Engines that ONNX Runtime's TensorRT provider built, stored by what they were built for.

The provider names an engine after the graph's inputs, outputs and file name, not its weights, and loads any file with
that name. So each engine has its own folder here, named by a digest of everything that decides what is built,
and a trial loads only from the folder of a finished build.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.digests import file_sha256
from foundation.units import BYTES_PER_MIB
from harness.backends.backend import BuiltEngine
from harness.errors import FallbackError, HarnessError
from harness.files.storage import explained, replace_json

ENGINES_FOLDER = "ort-engines"

_RECORD = "engine.json"


@dataclasses.dataclass(frozen=True)
class EngineKey:
    """Everything that decides what the provider builds."""

    artifact_sha256: str
    artifact_name: str
    precision: str
    workspace_mib: int | None
    runtime: str
    gpu: str
    compute_capability: str
    cuda_driver: int
    """The newest CUDA version that the driver supports, as in 13000."""

    @property
    def name(self) -> str:
        """Name of the engine's folder."""
        return f"{self.artifact_sha256[:12]}-{self.precision}-{_digest(dataclasses.asdict(self))}"

    @property
    def timings_name(self) -> str:
        """Name of the folder of kernel timings, which do not depend on the network."""
        facts = (self.runtime, self.gpu, self.compute_capability, self.cuda_driver)
        return f"timings-{_digest(facts)}"


@dataclasses.dataclass(frozen=True)
class BuildFolders:
    """Folders into which the provider writes while it builds."""

    engines: Path
    timings: Path


class EngineFolder:
    """The folder of one engine in the cache."""

    def __init__(self, cache_dir: Path, key: EngineKey) -> None:
        self._root = cache_dir / ENGINES_FOLDER
        self._key = key
        self.path = self._root / key.name

    def find(self) -> BuiltEngine | None:
        """Returns the intact engine; None if there is none, or if it is damaged."""
        try:
            data = json.loads((self.path / _RECORD).read_text())
            built = BuiltEngine.from_json({**data, "path": self.path / data["path"]})
            return built if file_sha256(built.path) == built.sha256 else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def files(self) -> dict[str, int]:
        """Returns the names of the engines in the folder and the time each was last written, in ns."""
        return {path.name: path.stat().st_mtime_ns for path in sorted(self.path.glob("*.engine"))}

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Checks that the provider, inside the context, uses the stored engine.

        Raises:
            FallbackError: the provider built another engine.
        """
        before = self.files()
        yield
        if self.files() != before:
            raise FallbackError(
                f"ONNX Runtime built another engine instead of loading the one in {self.path}. "
                "Remove that folder and run again."
            )

    def build(self, make: Callable[[BuildFolders], tuple[float, str]]) -> BuiltEngine:
        """Lets `make` build the engine in a temporary folder, then moves it into place.

        `make` receives the folders and returns the seconds that the build took and the engine's precision; it
        releases the engine before it returns.

        Raises:
            FallbackError: the network was split into several engines, or none was written.
            StorageError: the cache cannot be written.
        """
        with explained(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=".building-", dir=self._root))
        try:
            folders = BuildFolders(aside / "engines", aside / "timings")
            with explained(aside):
                folders.engines.mkdir()
                self._copy_timings(folders.timings)
            build_s, precision_effective = make(folders)
            engine = _only_engine(folders.engines)
            with explained(self.path):
                self._keep_timings(folders.timings)
                return self._keep(engine, build_s, precision_effective)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _keep(self, engine: Path, build_s: float, precision_effective: str) -> BuiltEngine:
        built = BuiltEngine(
            path=self.path / engine.name,
            sha256=file_sha256(engine),
            size_mib=engine.stat().st_size / BYTES_PER_MIB,
            build_s=build_s,
            cached=False,
            precision_effective=precision_effective,
        )
        record = {**built.to_json(), "path": engine.name, "cached": True}
        replace_json(engine.parent / _RECORD, record)
        shutil.rmtree(self.path, ignore_errors=True)
        engine.parent.rename(self.path)
        return built

    def _copy_timings(self, into: Path) -> None:
        kept = self._root / self._key.timings_name
        into.mkdir()
        for path in kept.glob("*"):
            shutil.copyfile(path, into / path.name)

    def _keep_timings(self, made: Path) -> None:
        # If the provider wrote the shared file itself, a killed build would leave half of it, and every later
        # build would fail.
        kept = self._root / self._key.timings_name
        kept.mkdir(exist_ok=True)
        for path in made.iterdir():
            path.replace(kept / path.name)


def _only_engine(folder: Path) -> Path:
    engines = sorted(folder.glob("*.engine"))
    if len(engines) != 1:
        raise FallbackError(
            f"ONNX Runtime built {len(engines)} TensorRT engines for the network, not one. "
            "Measure it on a provider that supports all its operators."
        )
    return engines[0]


def not_built(artifact: Path) -> HarnessError:
    """The error of preparing an artifact that was not built."""
    return HarnessError(
        f"There is no engine of {artifact} for this GPU and these versions. Build the engine before the trials."
    )


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
