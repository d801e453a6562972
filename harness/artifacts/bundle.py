"""A bundle: a folder of artifacts that one machine converted and another measures.

bundle.json       what there is, with the digest of every file
reference.onnx    the network beside which every model is measured
models/           an ONNX file a model, and its provenance beside it

Reading one needs neither the zoo nor the converters, so that it works where only a runtime is installed.
`harness.artifacts.bundle_writer` writes one.
"""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import importlib.metadata
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from foundation.digests import file_sha256
from foundation.wording import listed
from harness.artifacts.reference import REFERENCE_SHA256
from harness.errors import BundleError
from harness.records.series import SeriesFacts

if TYPE_CHECKING:
    from harness.backends.backend import Backend

BUNDLE_NAME = "bundle.json"
BUNDLE_SCHEMA_VERSION = 1
REFERENCE_NAME = "reference.onnx"
MODELS_FOLDER = "models"

MACHINE_FACTS = ("backend", "artifact_path")
"""Facts of a series that belong to the machine that measures, and are not in a bundle."""

_NEAREST_MAX = 5
"""Models that a message names in place of one that is not there."""


@dataclasses.dataclass(frozen=True)
class BundledFile:
    """One file of a bundle."""

    path: str
    """Relative to the folder, with forward slashes."""
    sha256: str
    size_bytes: int

    def fault(self, directory: Path) -> str | None:
        """What is wrong with the file below `directory`, as in `is missing`; None where it is intact."""
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


@dataclasses.dataclass(frozen=True)
class BundledModel:
    """One model in one precision at one batch size; one whose conversion failed has no files."""

    facts: Mapping[str, Any]
    """The fields of `SeriesFacts` but for `MACHINE_FACTS`."""
    suites: tuple[str, ...] = ()
    """Names of the zoo's suites that the model is in."""
    artifact: BundledFile | None = None
    provenance: BundledFile | None = None

    @property
    def place(self) -> tuple[str, str, int]:
        """Model, precision and batch, of which a bundle has one artifact."""
        return self.facts["model"], self.facts["precision"], self.facts["batch"]

    def matches(self, pattern: str) -> bool:
        """Whether a name, glob, source or suite means this model, as `zoo.selection.select` has it."""
        wanted = pattern.lower()
        names = (self.facts["model"].lower(), self.facts["variant"].lower())
        by_group = wanted in self.suites or wanted in ("all", self.facts["source"].lower())
        return by_group or any(fnmatch.fnmatchcase(name, wanted) for name in names)

    def series(self, backend: str, directory: Path) -> SeriesFacts:
        """The series that this model is on `backend`, of a bundle in `directory`."""
        path = str((directory / self.artifact.path).resolve()) if self.artifact else ""
        return SeriesFacts(**self.facts, backend=backend, artifact_path=path)


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle as its index describes it; `check_files` tells whether the files are as described."""

    directory: Path
    reference: BundledFile
    models: tuple[BundledModel, ...] = ()

    @property
    def reference_path(self) -> Path:
        """The reference network."""
        return (self.directory / self.reference.path).resolve()

    def files(self) -> list[BundledFile]:
        """Every file but the index."""
        parts = [part for model in self.models for part in (model.artifact, model.provenance)]
        return [self.reference, *(part for part in parts if part is not None)]

    def select(self, patterns: Sequence[str], precision: str, batch: int) -> list[BundledModel]:
        """The models that any pattern means, in one precision and batch, in the bundle's order.

        Args:
            patterns: names, globs, sources or suites, several in one string separated by commas; none
                means every model.
            precision: as in `fp32`.
            batch: images per inference.

        Raises:
            BundleError: a pattern means nothing here, or nothing is in this precision and batch.
        """
        if not self.models:
            raise BundleError(f"{self.directory} holds no models yet. Repeat the export and copy the folder again.")
        wanted = [part.strip() for text in patterns for part in text.split(",") if part.strip()]
        for pattern in wanted:
            if not any(model.matches(pattern) for model in self.models):
                raise BundleError(self._nothing(pattern))
        chosen = [model for model in self.models if not wanted or any(model.matches(pattern) for pattern in wanted)]
        found = [model for model in chosen if model.place[1:] == (precision, batch)]
        if not found:
            raise BundleError(
                f"{self.directory} has nothing of that in {precision} at batch {batch}. It has "
                f"{listed(_options(chosen))}: give one of these, or convert with --precision {precision} "
                f"--batch {batch} --export on the machine that converts."
            )
        return found

    def check_files(self, models: Iterable[BundledModel]) -> None:
        """Refuse to measure where the reference network or an artifact is not what was exported.

        Raises:
            BundleError: naming the files.
        """
        files = [self.reference, *(model.artifact for model in models if model.artifact)]
        faults = {file.path: file.fault(self.directory) for file in files}
        wrong = [f"{path} {fault}" for path, fault in faults.items() if fault]
        if wrong:
            raise BundleError(
                f"{self.directory} is not as it was exported: {listed(wrong)}. Copy the folder again, as with "
                "rsync -a --checksum, or export it again."
            )

    def _nothing(self, pattern: str) -> str:
        names = {
            name.lower(): model.place[0] for model in self.models for name in (model.facts["variant"], model.place[0])
        }
        near = difflib.get_close_matches(pattern.lower(), list(names), n=_NEAREST_MAX, cutoff=0.5)
        shown = [names[name] for name in near] or list(dict.fromkeys(names.values()))
        return (
            f"{self.directory} has no model {pattern!r}; {'nearest' if near else 'it has'}: {listed(shown)}. "
            f"{BUNDLE_NAME} there names all. Or export it too, on the machine that converts."
        )


def read_bundle(directory: Path) -> Bundle:
    """Read the index of a bundle; its files are not touched.

    Raises:
        BundleError: it is no bundle, damaged, or of another version.
    """
    path = directory / BUNDLE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{directory} is no folder of artifacts: it has no {BUNDLE_NAME}. Make one where the frameworks are, with "
            "python -m harness convert --models MODELS --export DIR, and copy all of it."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read ({error}). Copy the folder again.") from error
    try:
        data = json.loads(text)
        version = data["schema_version"]
        written_by = data["harness_version"]
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{path} is damaged ({error!r}). Copy the folder again, or export it again.") from error
    if version != BUNDLE_SCHEMA_VERSION:
        raise BundleError(_of_another_version(path, f"schema version {version}", written_by))
    try:
        reference = _file(data["reference"])
        models = tuple(_model(entry) for entry in data["models"])
        for model in models:
            model.series("", directory)
    except (ValueError, TypeError, KeyError) as error:
        raise BundleError(_of_another_version(path, f"facts that are not known here ({error})", written_by)) from error
    if reference.sha256 != REFERENCE_SHA256:
        raise BundleError(_of_another_version(path, "another reference network", written_by))
    return Bundle(directory, reference, models)


def check_opsets(series: Iterable[SeriesFacts], backend: Backend) -> None:
    """Refuse artifacts of a newer opset than the runtime reads.

    Raises:
        BundleError: naming the models and the way to convert them.
    """
    limit = backend.opset_limit()
    too_new = [facts for facts in series if limit is not None and facts.opset is not None and facts.opset > limit]
    if too_new:
        raise BundleError(
            f"{backend.runtime()} reads ONNX opsets up to {limit}, and these artifacts are of a later one: "
            f"{listed(f'{facts.model} ({facts.opset})' for facts in too_new)}. Convert them on the machine that "
            f"converts with --opset {limit} and another --export DIR."
        )


def _model(entry: dict[str, Any]) -> BundledModel:
    artifact, provenance = (_file(entry[name]) if entry[name] else None for name in ("artifact", "provenance"))
    if (artifact is None) == (entry["facts"]["status"] == "ok"):
        raise ValueError(f"status {entry['facts']['status']} of {entry['facts']['model']} and its files disagree")
    return BundledModel(entry["facts"], tuple(entry["suites"]), artifact, provenance)


def _file(entry: dict[str, Any]) -> BundledFile:
    file = BundledFile(**entry)
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{file.path} is not below the folder")
    return file


def _of_another_version(path: Path, what: str, written_by: str) -> str:
    here = importlib.metadata.version("baseline-zoo")
    return (
        f"{path} has {what}: baseline-zoo {written_by} wrote it, and this is {here}. Install the same version on both "
        "machines, then export again."
    )


def _options(models: Iterable[BundledModel]) -> list[str]:
    """The precisions and batches there are, as options."""
    return [f"--precision {model.place[1]} --batch {model.place[2]}" for model in models]
