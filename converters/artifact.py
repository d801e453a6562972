"""The artifact: one verified ONNX file with a sidecar of its provenance, in a content-addressed store."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.cache import default_cache_dir
from foundation.digests import file_sha256, sha256_once

MODEL_FILE = "model.onnx"
SIDECAR_FILE = "provenance.json"

_STAGING_PREFIX = ".staging-"
# Longer than any conversion takes, even with a recalibration on the most images. Machines may share the store, so a
# process ID would not show whether the process is alive.
_ABANDONED_AFTER_S = 7 * 24 * 3600.0


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One ONNX file and the record of how it was made."""

    path: Path
    provenance: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the ONNX file."""
        return str(self.provenance["sha256"])


class ArtifactStore:
    """Artifacts under a cache directory, keyed by the digest of everything that determines their content.

    Entries appear whole or not at all (a directory is prepared elsewhere and renamed), so processes may share a
    store, and it survives a crash at any moment.
    """

    def __init__(self, cache_dir: Path | None = None) -> None:
        self.root = (cache_dir or default_cache_dir()) / "artifacts"

    def directory(self, key: str) -> Path:
        """The directory of the artifact with that key, whether it exists or not."""
        return self.root / key[:2] / key

    def find(self, key: str) -> Artifact | None:
        """The stored artifact; None if there is none or its bytes do not match the recorded digest."""
        folder = self.directory(key)
        try:
            provenance = json.loads((folder / SIDECAR_FILE).read_text(encoding="utf-8"))
            # A run of several precisions and graphs asks for the same artifact up to a dozen times.
            intact = sha256_once(folder / MODEL_FILE) == provenance["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Artifact(folder / MODEL_FILE, provenance) if intact else None

    def staging(self) -> Path:
        """A new directory on the store's file system to prepare an entry in; removes what killed conversions left."""
        self.root.mkdir(parents=True, exist_ok=True)
        for left in self.root.glob(f"{_STAGING_PREFIX}*"):
            # Another process may remove it at the same time.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=self.root))

    def put(self, key: str, staged: Path, provenance: Mapping[str, Any]) -> Artifact:
        """Moves a staged directory that holds `model.onnx` into place.

        Args:
            key: the entry's key.
            staged: a directory from `staging()`.
            provenance: facts for the sidecar; the file's size and digest are added here.

        Returns:
            The stored artifact, or another process's equal entry if that came first.
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
