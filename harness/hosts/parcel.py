"""Files that hosts need and the driver has, kept on each host by their digest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from foundation.cache import default_cache_dir
from foundation.digests import file_sha256, json_sha256
from foundation.replacing import replacing
from harness.artifacts.bundle import BUNDLE_NAME, BundledFile, read_bundle
from harness.errors import HostsError
from harness.files.artifact_digest import external_locations
from harness.files.storage import explained
from harness.hosts.packing import check_inside

_FOLDER = "bundles"


@dataclasses.dataclass(frozen=True)
class Parcel:
    """Files of one folder, as they are sent."""

    digest: str
    """Digest of the list of the files; for a bundle, of its index."""
    files: tuple[BundledFile, ...]

    @classmethod
    def of_bundle(cls, directory: Path) -> Parcel:
        """All files of a bundle.

        Raises:
            BundleError: it is not a bundle, or is damaged.
        """
        bundle = read_bundle(directory)
        bundle.check_files(bundle.models)
        index = _file(directory, BUNDLE_NAME)
        # The index last: where it is, everything that it names is.
        return cls(index.sha256, (*dict.fromkeys(bundle.files()), index))

    @classmethod
    def of_onnx_file(cls, path: Path) -> Parcel:
        """An ONNX file, with the files beside it that hold its weights.

        Raises:
            StorageError: a file cannot be read.
        """
        names = [path.name, *(name for name, file in external_locations(path).items() if file)]
        with explained(path):
            files = tuple(_file(path.parent, name) for name in names)
        return cls(json_sha256([(file.path, file.sha256) for file in files]), files)

    def folder(self) -> Path:
        """Where a host keeps the files; to be called there."""
        return default_cache_dir() / _FOLDER / self.digest

    def missing(self) -> list[BundledFile]:
        """The files that are missing or damaged on this host."""
        return [file for file in self.files if file.fault(self.folder()) is not None]

    def store(self, file: BundledFile, data: bytes) -> None:
        """Writes one file on this host.

        Raises:
            HostsError: its path leads out of the folder, or it is not what was sent.
            OSError: it cannot be written.
        """
        check_inside(file.path)
        target = self.folder() / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            temporary.write_bytes(data)
        if file.fault(self.folder()) is not None:
            target.unlink()
            raise HostsError(f"{file.path} arrived with another digest than it was sent with: repeat the command")


def _file(directory: Path, name: str) -> BundledFile:
    path = directory / name
    return BundledFile(name, file_sha256(path), path.stat().st_size)
