"""A bundle: a folder of artifacts that one machine converted and another measures.

bundle.json       the index, with the digest of every file
reference.onnx    the network beside which every model is measured
models/           one ONNX file per model, and its provenance beside it
engines/          engines that were built of them, if any, each a folder with its sidecar

Reading a bundle needs neither the zoo nor the converters, so that it works on a machine with only a runtime.
`harness.artifacts.bundle_writer` writes one.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from foundation.digests import file_sha256
from foundation.record_types import array, check_types
from foundation.selection import ALL, Selectable, SelectionError, parts, select
from foundation.vocabulary import FUSED, NATIVE
from foundation.wording import listed
from harness.artifacts.model_shard import ModelShard
from harness.artifacts.reference import REFERENCE_SHA256
from harness.errors import BundleError
from harness.records.series import Series

if TYPE_CHECKING:
    from harness.backends.backend import Backend

BUNDLE_NAME = "bundle.json"
BUNDLE_SCHEMA_VERSION = 1
REFERENCE_NAME = "reference.onnx"
MODELS_FOLDER = "models"
ENGINES_FOLDER = "engines"

MACHINE_FACTS = ("backend", "artifact_path")
"""Facts of a series that belong to the machine that measures, and are not in a bundle."""

_FOLDER_NAME = re.compile(r"\w[\w.-]*")
_NEAREST_MAX = 5
"""Models that a message offers instead of one that is not there."""


@dataclasses.dataclass(frozen=True)
class BundledFile:
    """One file of a bundle."""

    path: str
    """Relative to the folder, with forward slashes."""
    sha256: str
    size_bytes: int

    def fault(self, directory: Path) -> str | None:
        """What is wrong with the file below `directory`, as in `is missing`; None if it is intact."""
        path = directory / self.path
        try:
            size_bytes = path.stat().st_size
            if size_bytes != self.size_bytes:
                return f"has {size_bytes} bytes, not {self.size_bytes}"
            return None if file_sha256(path) == self.sha256 else "has other content than was exported"
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read ({error.strerror})"


class Identity(NamedTuple):
    """What a bundle has one artifact of."""

    model: str
    precision: str
    batch: int
    graph: str

    @staticmethod
    def of(series: Series) -> Identity:
        """The identity of a series."""
        return Identity(series.model, series.precision, series.batch, series.graph)

    def options(self) -> str:
        """The options that select it among those of its model."""
        graph = "" if self.graph == NATIVE else f" --graph {self.graph}"
        return f"--precision {self.precision} --batch {self.batch}{graph}"


@dataclasses.dataclass(frozen=True)
class BundledModel:
    """One model in one graph and precision at one batch size; one whose conversion failed has no files."""

    facts: Mapping[str, Any]
    """The fields of `Series` except `MACHINE_FACTS`."""
    suites: tuple[str, ...] = ()
    """Names of the zoo's suites that contain the model."""
    artifact: BundledFile | None = None
    provenance: BundledFile | None = None
    fused_for: tuple[str, ...] = ()
    """The backends that a fused graph was made for; empty for others, and in an index that an earlier version wrote."""

    @property
    def identity(self) -> Identity:
        """What a bundle has one artifact of."""
        # An index that an earlier version wrote has native graphs alone.
        return Identity(
            self.facts["model"], self.facts["precision"], self.facts["batch"], self.facts.get("graph", NATIVE)
        )

    def series(self, backend: str, directory: Path) -> Series:
        """The series of this model on `backend`, for a bundle in `directory`."""
        path = str((directory / self.artifact.path).resolve()) if self.artifact else ""
        return Series.from_json({**self.facts, "backend": backend, "artifact_path": path})


@dataclasses.dataclass(frozen=True)
class BundledEngine:
    """An engine that a runtime built of one of the artifacts; it is used where it fits, and built again elsewhere."""

    name: str
    """Name of its folder below `engines/`, which has a digest of what it was built for."""
    backend: str
    artifact_sha256: str
    precision: str
    capabilities: tuple[str, ...]
    """GPUs that it is for, as in `sm86`; empty for the runtime's default, or for the one it was built on."""
    files: tuple[BundledFile, ...]


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle as its index describes it; `check_files` verifies the files against it."""

    directory: Path
    reference: BundledFile
    models: tuple[BundledModel, ...] = ()
    engines: tuple[BundledEngine, ...] = ()
    shard: ModelShard | None = None
    """Which share of the models it is for; None for all."""

    @property
    def reference_path(self) -> Path:
        """The reference network."""
        return (self.directory / self.reference.path).resolve()

    def files(self) -> list[BundledFile]:
        """Every file except the index."""
        parts = [part for model in self.models for part in (model.artifact, model.provenance)]
        engines = (file for engine in self.engines for file in engine.files)
        return [self.reference, *(part for part in parts if part is not None), *engines]

    def engine_capabilities(self, backend: str) -> list[tuple[str, ...]]:
        """The GPUs that each engine of a backend is for."""
        return [engine.capabilities for engine in self.engines if engine.backend == backend]

    def select(self, patterns: Sequence[str], precision: str, batch: int, graph: str = NATIVE) -> list[BundledModel]:
        """The models that any pattern selects, in one precision, batch and graph, in the bundle's order.

        Args:
            patterns: names, globs, sources or suites, several in one string separated by commas; none
                means every model.
            precision: the precision, as in `fp32`.
            batch: images per inference.
            graph: one of `foundation.vocabulary.GRAPHS`.

        Raises:
            BundleError: a pattern selects nothing here, or nothing is in this precision, batch and graph.
        """
        if not self.models:
            raise BundleError(f"{self.directory} holds no models yet. Repeat the export and copy the folder again.")
        names = self._selected(parts(patterns))
        chosen = [model for model in self.models if model.identity.model in names]
        found = [model for model in chosen if model.identity[1:] == (precision, batch, graph)]
        if not found:
            which = f"in {precision} at batch {batch}" + ("" if graph == NATIVE else f", {graph}")
            wanted = Identity("", precision, batch, graph).options()
            raise BundleError(
                f"{self.directory} has none of these models {which}. It has "
                f"{listed(_options(chosen))}: give one of these, or convert with {wanted} --export on the machine that "
                "converts."
            )
        return found

    def _selected(self, patterns: Sequence[str]) -> set[str]:
        """Names of the models that any pattern selects; no pattern means all."""
        models = [Selectable(model.identity.model, frozenset(model.suites)) for model in self.models]
        advice = f"{BUNDLE_NAME} there lists all; or export it too, on the machine that converts"
        try:
            return set(select(patterns or [ALL], models, place=f"in {self.directory}", advice=advice))
        except SelectionError as error:
            raise BundleError(str(error)) from error

    def check_files(self, models: Iterable[BundledModel]) -> None:
        """Refuses to measure if the reference network or an artifact is not what was exported.

        Raises:
            BundleError: a file is missing or differs; the message names all such files.
        """
        files = [self.reference, *(model.artifact for model in models if model.artifact)]
        faults = {file.path: file.fault(self.directory) for file in files}
        wrong = [f"{path} {fault}" for path, fault in faults.items() if fault]
        if wrong:
            raise BundleError(
                f"{self.directory} is not as it was exported: {listed(wrong)}. Copy the folder again, for example "
                "with rsync -a --checksum, or export it again."
            )


def read_bundle(directory: Path) -> Bundle:
    """Reads the index of a bundle; its files are not touched.

    Raises:
        BundleError: it is not a bundle, is damaged, or is from another version.
    """
    path = directory / BUNDLE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{directory} is not a folder of artifacts: it has no {BUNDLE_NAME}. Make one where the frameworks are, "
            "with python -m harness convert --models MODELS --export DIR, and copy all of it."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read ({error}). Copy the folder again.") from error
    try:
        data = json.loads(text)
        version = data["schema_version"]
        written_by = data["harness_version"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BundleError(_damaged(path, repr(error))) from error
    if version != BUNDLE_SCHEMA_VERSION:
        raise BundleError(_of_another_version(path, f"schema version {version}", written_by))
    try:
        reference = _file(data["reference"])
        models = tuple(_model(entry) for entry in array(data["models"]))
        # An index that an earlier version wrote has none.
        engines = tuple(_engine(entry) for entry in array(data.get("engines", [])))
        shard = ModelShard.from_json(data["shard"]) if data.get("shard") else None
        for model in models:
            check_types(model.series("", directory))
    except (ValueError, TypeError, KeyError) as error:
        if written_by == _version_here():
            raise BundleError(_damaged(path, str(error))) from error
        raise BundleError(_of_another_version(path, f"facts that are not known here ({error})", written_by)) from error
    if reference.sha256 != REFERENCE_SHA256:
        raise BundleError(_of_another_version(path, "another reference network", written_by))
    return Bundle(directory, reference, models, engines, shard)


def check_opsets(series: Iterable[Series], backend: Backend) -> None:
    """Refuses artifacts of a newer opset than the runtime reads.

    Raises:
        BundleError: an artifact is too new; the message names the models and the way to convert them.
    """
    limit = backend.opset_limit()
    too_new = [one for one in series if limit is not None and one.opset is not None and one.opset > limit]
    if too_new:
        raise BundleError(
            f"{backend.runtime()} reads ONNX opsets up to {limit}, but these artifacts have a later one: "
            f"{listed(f'{one.model} ({one.opset})' for one in too_new)}. Convert them on the machine that "
            f"converts with --opset {limit} and another --export DIR."
        )


def check_fused_for(models: Iterable[BundledModel], backend: str) -> None:
    """Refuses graphs that were fused for other runtimes: theirs are not the operators that this one is faster with.

    Raises:
        BundleError: there is such a graph; the message names the first, and how to get this runtime's.
    """
    for model in models:
        if model.fused_for and backend not in model.fused_for:
            raise BundleError(
                f"the graph of {model.identity.model} is fused for {listed(model.fused_for)}, not for {backend}: "
                f"convert with --graph {FUSED} --fused-for {backend} and another --export DIR on the machine that "
                f"converts, or measure --graph {NATIVE} ones"
            )


def _model(entry: dict[str, Any]) -> BundledModel:
    artifact, provenance = (_file(entry[name]) if entry[name] else None for name in ("artifact", "provenance"))
    if (artifact is None) == (entry["facts"]["status"] == "ok"):
        raise ValueError(f"status {entry['facts']['status']} of {entry['facts']['model']} and its files disagree")
    fused_for = array(entry.get("fused_for", []))
    return BundledModel(entry["facts"], array(entry["suites"]), artifact, provenance, fused_for)


def _engine(entry: dict[str, Any]) -> BundledEngine:
    files = tuple(_file(file) for file in array(entry["files"]))
    engine = BundledEngine(**{**entry, "capabilities": array(entry["capabilities"]), "files": files})
    check_types(engine)
    folder = PurePosixPath(ENGINES_FOLDER, engine.name)
    strangers = [file.path for file in files if PurePosixPath(file.path).parent != folder]
    if strangers or not _FOLDER_NAME.fullmatch(engine.name):
        raise ValueError(f"engine {engine.name!r} is not a folder below {ENGINES_FOLDER}/ with its files in it")
    return engine


def _file(entry: dict[str, Any]) -> BundledFile:
    file = BundledFile(**entry)
    check_types(file)
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{file.path} is not below the folder")
    return file


def _version_here() -> str:
    return importlib.metadata.version("baseline-zoo")


def _damaged(path: Path, what: str) -> str:
    return f"{path} is damaged ({what}). Copy the folder again, or export it again."


def _of_another_version(path: Path, what: str, written_by: str) -> str:
    return (
        f"{path} has {what}: baseline-zoo {written_by} wrote it, but this is {_version_here()}. Install the same "
        "version on both machines, then export again."
    )


def _options(models: Iterable[BundledModel]) -> list[str]:
    """The available precisions, batches and graphs, as options."""
    return [model.identity.options() for model in models]
