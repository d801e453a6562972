"""Writes artifacts and the facts of their rows into a bundle (`harness.artifacts.bundle`)."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from foundation.digests import file_sha256
from foundation.replacing import TEMPORARY_SUFFIX, replacing
from foundation.system_errors import is_not_allowed
from foundation.vocabulary import FUSED, NATIVE
from harness.artifacts.bundle import (
    BUNDLE_NAME,
    BUNDLE_SCHEMA_VERSION,
    ENGINES_FOLDER,
    MACHINE_FACTS,
    MODELS_FOLDER,
    REFERENCE_NAME,
    Bundle,
    BundledEngine,
    BundledFile,
    BundledModel,
    Identity,
    read_bundle,
)
from harness.artifacts.model_shard import ModelShard
from harness.artifacts.reference import REFERENCE_SHA256, write_reference
from harness.backends.backend import BuiltEngine
from harness.errors import BundleError, StorageError
from harness.files.locking import LOCK_NAME, KernelLock
from harness.files.storage import remove_temporary_files, replace_json
from harness.processes.target import Target
from harness.records.series import Series

PROVENANCE_NAME = "provenance.json"
"""The sidecar of an artifact in the converters' cache."""

_OURS = (REFERENCE_NAME, MODELS_FOLDER, ENGINES_FOLDER, LOCK_NAME)


class BundleWriter:
    """The single writer of a bundle, new or from an earlier export. Use it as a context manager.

    A file appears complete or not at all, and the index after the files it names: whenever writing stops, all that
    the index names is there, and the same export resumes.
    """

    def __init__(self, directory: Path) -> None:
        """Opens the bundle, or starts one.

        Raises:
            BundleError: another process writes to it, it holds something else, is from another version, or cannot
                be written.
        """
        self._directory = directory
        with _explained(directory):
            _check_is_ours(directory)
            (directory / MODELS_FOLDER).mkdir(parents=True, exist_ok=True)
            try:
                self._lock = KernelLock(directory / LOCK_NAME)
            except BlockingIOError as error:
                raise BundleError(f"Another export writes to {directory}. Wait until it has finished.") from error
        try:
            with _explained(directory):
                remove_temporary_files(directory)
                remove_temporary_files(directory / MODELS_FOLDER)
                for folder in (directory / ENGINES_FOLDER).glob("*/"):
                    remove_temporary_files(folder)
                self._open()
        except BaseException:
            self._lock.release()
            raise

    def _open(self) -> None:
        """Reads the existing index, or writes one without models."""
        if (self._directory / BUNDLE_NAME).exists():
            self.bundle = read_bundle(self._directory)
            if self.bundle.reference.fault(self._directory) is None:
                return
            models, engines, shard = self.bundle.models, self.bundle.engines, self.bundle.shard
        else:
            models, engines, shard = (), (), None
        path = self._directory / REFERENCE_NAME
        write_reference(path)
        reference = BundledFile(REFERENCE_NAME, REFERENCE_SHA256, path.stat().st_size)
        self._write_index(Bundle(self._directory, reference, models, engines, shard))

    def begin(self, shard: ModelShard | None) -> None:
        """Records which share of the models is exported; None for all of them.

        Raises:
            BundleError: the bundle holds models of another share, or it cannot be written.
        """
        if self.bundle.shard == shard:
            return
        if self.bundle.models:
            then, now = (one.text() if one else "all models" for one in (self.bundle.shard, shard))
            raise BundleError(
                f"{self._directory} holds {then}, and now {now} is exported: give another --export DIR, or repeat the "
                "options of the first export."
            )
        self._write_index(dataclasses.replace(self.bundle, shard=shard))

    def check(self, series: Sequence[Series]) -> None:
        """Refuses what would replace an artifact of the bundle by another of the same identity.

        Raises:
            BundleError: an artifact would be replaced; the message names the first. Nothing is written yet.
        """
        there = {model.identity: model for model in self.bundle.models}
        for one in series:
            found = there.get(Identity.of(one))
            if found is None or not found.artifact or one.status != "ok":
                continue
            if found.artifact.sha256 != one.artifact_sha256:
                raise BundleError(
                    f"{self._directory} holds another artifact of {one.model}: "
                    f"{_making(found.series('', self._directory))}; the new one is from {_making(one)}. A folder has "
                    "one artifact for each model, graph, precision and batch: give another --export DIR."
                )

    def add(self, series: Series, suites: Sequence[str] = ()) -> bool:
        """Adds a model to the bundle; one whose conversion failed is a row without files.

        Args:
            series: a series whose artifact is in the converters' cache, with its provenance beside it.
            suites: names of the zoo's suites that contain the model.

        Returns:
            Whether anything was copied: False if the files were there already, and if this conversion failed but an
            earlier export had the artifact, whose row is then unchanged.

        Raises:
            BundleError: a file cannot be written, or is not what the conversion made.
        """
        described = {name: value for name, value in series.to_json().items() if name not in MACHINE_FACTS}
        earlier = next((model for model in self.bundle.models if model.identity == Identity.of(series)), None)
        copied = False
        if series.status == "ok":
            source = Path(series.artifact_path)
            stem = f"{MODELS_FOLDER}/{file_stem(series)}"
            with _explained(source):
                sidecar_sha256 = file_sha256(source.with_name(PROVENANCE_NAME))
            artifact, copied = self._keep(source, f"{stem}.onnx", series.artifact_sha256)
            provenance, _ = self._keep(source.with_name(PROVENANCE_NAME), f"{stem}.json", sidecar_sha256)
            fused_for = _fused_for(series, earlier)
            model = BundledModel(described, tuple(suites), artifact, provenance, fused_for)
        elif earlier is not None and earlier.artifact:
            return False
        else:
            model = BundledModel(described, tuple(suites))
        models = {one.identity: one for one in self.bundle.models} | {model.identity: model}
        self._write_index(dataclasses.replace(self.bundle, models=tuple(models.values())))
        return copied

    def add_engine(self, target: Target, engine: BuiltEngine) -> bool:
        """Adds an engine with all files of its folder.

        Args:
            target: what it was built from, with the digest of the artifact.
            engine: the engine, in the cache.

        Returns:
            Whether anything was copied.

        Raises:
            BundleError: a file cannot be written.
        """
        name = engine.path.parent.name
        files, copied = [], False
        with _explained(self._directory / ENGINES_FOLDER):
            (self._directory / ENGINES_FOLDER / name).mkdir(parents=True, exist_ok=True)
            for source in sorted(engine.path.parent.iterdir()):
                path = f"{ENGINES_FOLDER}/{name}/{source.name}"
                file, is_new = self._keep(source, path, file_sha256(source))
                files.append(file)
                copied |= is_new
        described = BundledEngine(
            name, target.backend, target.sha256, target.precision, target.gpu.capabilities, tuple(files)
        )
        engines = {one.name: one for one in self.bundle.engines} | {name: described}
        self._write_index(dataclasses.replace(self.bundle, engines=tuple(engines.values())))
        return copied

    def take(self, model: BundledModel, directory: Path) -> None:
        """Adds a model of another bundle, with its files.

        Args:
            model: the model, of which this bundle has none.
            directory: the other bundle.

        Raises:
            BundleError: a file cannot be written, or is not what the other bundle's index says.
        """
        for file in (model.artifact, model.provenance):
            if file:
                self._keep(directory / file.path, file.path, file.sha256)
        self._write_index(dataclasses.replace(self.bundle, models=(*self.bundle.models, model)))

    def take_engine(self, engine: BundledEngine, directory: Path) -> None:
        """Adds an engine of another bundle, with its files.

        Raises:
            BundleError: see `take`.
        """
        with _explained(self._directory / ENGINES_FOLDER):
            (self._directory / ENGINES_FOLDER / engine.name).mkdir(parents=True, exist_ok=True)
        for file in engine.files:
            self._keep(directory / file.path, file.path, file.sha256)
        engines = {one.name: one for one in self.bundle.engines} | {engine.name: engine}
        self._write_index(dataclasses.replace(self.bundle, engines=tuple(engines.values())))

    def artifact_path(self, series: Series) -> Path | None:
        """The path of a series' artifact in the bundle; None if it has none."""
        found = next((model for model in self.bundle.models if model.identity == Identity.of(series)), None)
        return self._directory / found.artifact.path if found and found.artifact else None

    def _keep(self, source: Path, path: str, sha256: str) -> tuple[BundledFile, bool]:
        """The file of the bundle with this content, copied if it is not there."""
        target = self._directory / path
        with _explained(target):
            file = BundledFile(path, sha256, source.stat().st_size)
            if file.fault(self._directory) is None:
                return file, False
            _copy(source, target, sha256)
        return file, True

    def _write_index(self, bundle: Bundle) -> None:
        data = {
            "schema_version": BUNDLE_SCHEMA_VERSION,
            "harness_version": importlib.metadata.version("baseline-zoo"),
            "reference": dataclasses.asdict(bundle.reference),
            "models": [dataclasses.asdict(model) for model in bundle.models],
            "engines": [dataclasses.asdict(engine) for engine in bundle.engines],
        }
        if bundle.shard:
            data["shard"] = bundle.shard.to_json()
        try:
            replace_json(self._directory / BUNDLE_NAME, data)
        except StorageError as error:
            raise BundleError(_cannot_write(self._directory / BUNDLE_NAME, error.__cause__)) from error
        self.bundle = bundle

    def close(self) -> None:
        """Releases the folder; everything is on disk already. A second call does nothing."""
        self._lock.release()

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fused_for(series: Series, earlier: BundledModel | None) -> tuple[str, ...]:
    """The backends that a fused graph is for; those of an earlier export too, whose artifact is the same."""
    if series.graph != FUSED:
        return ()
    before = earlier.fused_for if earlier and earlier.artifact else ()
    return tuple(sorted({*before, series.backend}))


def file_stem(series: Series) -> str:
    """A readable name that no other series has, on file systems that ignore case too.

    As in `gpunet-GPUNet-0-fp32-b1`; if characters of the model's name had to be replaced, some digits of its digest
    are added.
    """
    name = series.model.replace("/", "-", 1)
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    if readable != name:
        readable += f"-{hashlib.sha256(series.model.encode()).hexdigest()[:8]}"
    graph = "" if series.graph == NATIVE else f"-{series.graph}"
    return f"{readable}{graph}-{series.precision}-b{series.batch}"


def _making(series: Series) -> str:
    """How an artifact was made, and which it is."""
    return f"{series.exporter}, opset {series.opset}, {series.weights} weights, SHA-256 {series.artifact_sha256[:12]}"


def _check_is_ours(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise BundleError(f"{directory} is a file. Give --export a directory.")
    if not directory.is_dir() or (directory / BUNDLE_NAME).exists():
        return
    # An export killed during its start leaves these.
    names = sorted(path.name for path in directory.iterdir())
    foreign = [name for name in names if name not in _OURS and not name.endswith(TEMPORARY_SUFFIX)]
    if foreign:
        raise BundleError(
            f"{directory} is not a folder of artifacts and not empty (it holds {', '.join(foreign[:3])}). Give "
            "--export a new directory."
        )


def _copy(source: Path, target: Path, sha256: str) -> None:
    """Copies the file and verifies the digest of the copy."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        if file_sha256(temporary) != sha256:
            raise BundleError(
                f"{source} is not what the conversion made: it was changed since. Convert the model again."
            )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns an `OSError` about `path` into a BundleError that says what to do."""
    try:
        yield
    except OSError as error:
        raise BundleError(_cannot_write(path, error)) from error


def _cannot_write(path: Path, error: BaseException | None) -> str:
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    if isinstance(error, OSError) and is_not_allowed(error):
        return (
            f"Not allowed to write {path} ({why}). Give --export a folder that you may write to; copy this one there."
        )
    return (
        f"Cannot use {path} ({why}). Free some space or give another --export DIR, and repeat the command: it resumes "
        "where it stopped."
    )
