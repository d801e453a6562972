"""What a session is opened on, and the only way to open it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from foundation.digests import file_sha256
from harness import backends
from harness.backends.backend import Backend
from harness.backends.session import Session
from harness.errors import ArtifactError
from harness.machine.gpu.settings import GpuSettings


@dataclasses.dataclass(frozen=True)
class Target:
    """An artifact, together with the runtime, settings and device that run it."""

    artifact: str
    """Path of the ONNX file."""
    sha256: str
    """Required digest of the artifact, in hexadecimal; an empty string disables the check."""
    backend: str
    precision: str
    batch: int
    threads: int
    """Threads inside one operator."""
    gpu: GpuSettings = dataclasses.field(default_factory=GpuSettings)
    cache_dir: str = ""
    """Folder of the engines built for this device; ignored by runtimes that build no engines."""
    bundle_dir: str = ""
    """Bundle with engines that another machine built, which a build looks through first; empty if there is none."""

    inputs: str = ""
    """What its inputs hold while it is measured, as `harness.processes.inputs.Feed.of` reads it."""

    custom_operators: str = ""
    """Library of operators that the runtime lacks; empty if there is none."""

    def open(self) -> Session:
        """Loads the artifact, which must be the planned one.

        Raises:
            ArtifactError: the artifact changed, cannot be read, or cannot be measured as it is.
            UnsupportedError: the runtime cannot run it here.
        """
        if self.sha256:
            check_artifact(Path(self.artifact), self.sha256)
        return self.runtime().prepare(
            self.artifact,
            precision=self.precision,
            batch=self.batch,
            threads=self.threads,
            gpu=self.gpu,
            cache_dir=self.cache_dir,
        )

    def runtime(self) -> Backend:
        """Returns the backend, with the library of custom operators if there is one.

        Raises:
            UnsupportedError: the backend takes no such library.
        """
        backend = backends.get(self.backend)
        if self.custom_operators:
            backend.use_custom_operators(Path(self.custom_operators))
        return backend

    def to_json(self) -> dict[str, Any]:
        """The target as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Target:
        """The target read back."""
        return cls(**{**data, "gpu": GpuSettings.from_json(data["gpu"])})


def check_artifact(path: Path, sha256: str) -> None:
    """Refuses an artifact that is not the planned one.

    Args:
        path: of the artifact.
        sha256: its digest (`artifact_sha256`) when it was planned.

    Raises:
        ArtifactError: the artifact has another digest, or cannot be read.
    """
    try:
        # If the file's own digest is the artifact's, it contains the weights: no need to search the graph for others.
        if file_sha256(path) == sha256:
            return
        from harness.files.artifact_digest import artifact_sha256

        found = artifact_sha256(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}. Convert the model again.") from error
    if found != sha256:
        raise ArtifactError(
            f"{path} has SHA-256 {found[:16]}, not {sha256[:16]} as planned: it has changed since, or is truncated. "
            "Convert the model again."
        )
