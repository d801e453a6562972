"""The Python environments of a runtime's versions, kept in the cache.

runtimes/NAME/                  one environment; complete, since it is moved here once it is
runtimes/NAME/environment.json  what is in it
runtimes/NAME.log               the output of its installation
runtimes/NAME.lock              held while it is made or removed
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from foundation.replacing import TEMPORARY_SUFFIX
from foundation.units import BYTES_PER_MIB
from foundation.wording import listed
from harness.errors import InstallationError
from harness.files.locking import KernelLock
from harness.files.storage import explained, replace_json
from harness.sweep.installing import install, python_of
from harness.sweep.versions import order_of

FOLDER_NAME = "runtimes"
RECORD_NAME = "environment.json"

_LOCK_POLL_S = 1.0

# What an environment's packages are built for, as in `cpython-311-x86_64-linux-gnu`.
_TAG = str(sysconfig.get_config_var("EXT_SUFFIX")).strip(".").rpartition(".")[0]


@dataclasses.dataclass(frozen=True)
class RuntimeEnvironment:
    """A Python environment with one version of a package."""

    package: str
    version: str
    folder: Path
    packages: Mapping[str, str]
    """The version of everything that is installed there."""
    size_mib: float
    install_s: float
    """Seconds that its installation took."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return python_of(self.folder)

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


class EnvironmentStore:
    """The environments in a cache directory."""

    def __init__(self, cache_dir: Path) -> None:
        self.folder = cache_dir / FOLDER_NAME

    def kept(self, package: str) -> list[RuntimeEnvironment]:
        """The environments for this Python with any version of a package, in the order of the versions."""
        found = (self._read(path.parent) for path in self.folder.glob(f"{package}-*-{_TAG}/{RECORD_NAME}"))
        ours = [one for one in found if one is not None and one.package == package]
        return sorted(ours, key=lambda one: order_of(one.version))

    def find(self, package: str, version: str) -> RuntimeEnvironment | None:
        """The environment of a version; None if there is none, or its interpreter is gone."""
        return self._read(self.folder / _name(package, version))

    def make(self, package: str, version: str, timeout_s: float, say: Callable[[str], None]) -> RuntimeEnvironment:
        """Makes the environment of a version; if another process is making it, waits for that one.

        Args:
            package: the package.
            version: its version.
            timeout_s: time limit of the installation.
            say: prints a line for the user.

        Raises:
            InstallationError: the version cannot be installed; the message says why, and what is kept.
            StorageError: the cache cannot be written.
        """
        with self._locked(_name(package, version), say):
            return self.find(package, version) or self._made(package, version, timeout_s)

    def forget(self, environment: RuntimeEnvironment, say: Callable[[str], None]) -> None:
        """Removes an environment with its log.

        Raises:
            StorageError: it cannot be removed.
        """
        name = environment.folder.name
        with self._locked(name, say):
            # Moved away first: what is there under its name is always complete.
            temporary = self._temporary(name)
            environment.folder.rename(temporary)
            shutil.rmtree(temporary)
            (self.folder / f"{name}.log").unlink(missing_ok=True)

    def _made(self, package: str, version: str, timeout_s: float) -> RuntimeEnvironment:
        name = _name(package, version)
        target, temporary = self.folder / name, self._temporary(name)
        begin_s = time.monotonic()
        try:
            packages = install(temporary, package, version, self.folder / f"{name}.log", timeout_s)
            record: dict[str, Any] = {
                "package": package,
                "version": version,
                "packages": packages,
                "size_mib": round(_size_mib(temporary), 1),
                "install_s": round(time.monotonic() - begin_s, 1),
            }
            replace_json(temporary / RECORD_NAME, record)
            shutil.rmtree(target, ignore_errors=True)  # One whose interpreter is gone.
            temporary.rename(target)
        except InstallationError as error:
            kept = listed(str(one) for one in self.kept(package))
            raise InstallationError(f"{error}. In the cache: {kept or f'no version of {package}'}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return RuntimeEnvironment(folder=target, **record)

    @contextlib.contextmanager
    def _locked(self, name: str, say: Callable[[str], None]) -> Iterator[None]:
        """Waits for the right to change an environment, and removes what a killed process left of it."""
        with explained(self.folder, option="--cache-dir", kept="Every complete environment"):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = self._lock(name, say)
            try:
                for leftover in self.folder.glob(f".{name}.*{TEMPORARY_SUFFIX}"):
                    shutil.rmtree(leftover, ignore_errors=True)
                yield
            finally:
                lock.release()

    def _lock(self, name: str, say: Callable[[str], None]) -> KernelLock:
        waiting = False
        while True:
            try:
                return KernelLock(self.folder / f"{name}.lock")
            except BlockingIOError:
                if not waiting:
                    say(f"another process is making or removing {name}; waiting for it")
                waiting = True
                time.sleep(_LOCK_POLL_S)

    def _temporary(self, name: str) -> Path:
        return self.folder / f".{name}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}"

    def _read(self, folder: Path) -> RuntimeEnvironment | None:
        try:
            record: dict[str, Any] = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
            found = RuntimeEnvironment(folder=folder, **record)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.python.exists() else None


def _name(package: str, version: str) -> str:
    return f"{package}-{version}-{_TAG}"


def _size_mib(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / BYTES_PER_MIB
