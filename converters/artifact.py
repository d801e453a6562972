"""The artifact: one verified ONNX file with a sidecar of its provenance, in a content-addressed store."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.cache import default_cache_dir
from foundation.digests import file_sha256

MODEL_FILE = "model.onnx"
SIDECAR_FILE = "provenance.json"
METADATA_PREFIX = "baseline_zoo."
"""Prefix of this project's keys among an ONNX file's `metadata_props`."""


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One ONNX file and what is known of its making."""

    path: Path
    provenance: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the ONNX file."""
        return str(self.provenance["sha256"])


class ArtifactStore:
    """Artifacts under a cache directory, by the digest of everything that decides their content.

    Entries appear whole or not at all (a directory is prepared aside and renamed), so a store may be
    shared by processes and survives a crash at any moment.
    """

    def __init__(self, cache_dir: Path | None = None) -> None:
        self.root = (cache_dir or default_cache_dir()) / "artifacts"

    def directory(self, key: str) -> Path:
        """Where the artifact of that key lies, or would lie."""
        return self.root / key[:2] / key

    def find(self, key: str) -> Artifact | None:
        """The stored artifact, or None where there is none or its bytes are not the recorded ones."""
        folder = self.directory(key)
        try:
            provenance = json.loads((folder / SIDECAR_FILE).read_text(encoding="utf-8"))
            intact = file_sha256(folder / MODEL_FILE) == provenance["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Artifact(folder / MODEL_FILE, provenance) if intact else None

    def staging(self) -> Path:
        """A new directory on the store's file system, to prepare an entry in."""
        self.root.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".staging-", dir=self.root))

    def put(self, key: str, staged: Path, provenance: Mapping[str, Any]) -> Artifact:
        """Moves a staged directory that holds `model.onnx` into place.

        Args:
            key: the entry's key.
            staged: a directory from `staging()`.
            provenance: facts for the sidecar; the file's size and digest are added here.

        Returns:
            The stored artifact; another process's equal entry where that one came first.
        """
        model = staged / MODEL_FILE
        facts = {**provenance, "key": key, "sha256": file_sha256(model), "size_bytes": model.stat().st_size}
        (staged / SIDECAR_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        target = self.directory(key)
        existing = self.find(key)
        if existing is not None:
            shutil.rmtree(staged)
            return existing
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.replace(target)
        return Artifact(target / MODEL_FILE, facts)
