"""Small data sets in every layout."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes.data_sets import VALIDATION, Files, encoded, pickled_batch


@pytest.fixture
def flat() -> Files:
    """Five images of ImageNet's validation set, by name."""
    return {name: encoded(10 * number) for number, name in enumerate(VALIDATION)}


@pytest.fixture
def sorted_in_folders(flat: Files) -> Files:
    """The same images in folders of their classes."""
    return {f"{VALIDATION[name]}/{name}": data for name, data in flat.items()}


@pytest.fixture
def write_files() -> Callable[[Path, Mapping[str, bytes]], Path]:
    """Writes files below a folder, and returns the folder."""

    def write(root: Path, files: Mapping[str, bytes]) -> Path:
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root

    return write


@pytest.fixture
def write_tar() -> Callable[..., Path]:
    """Writes a tar archive of the files, in the order given."""

    def write(path: Path, files: Mapping[str, bytes], mode: str = "w:", folders: tuple[str, ...] = ()) -> Path:
        with tarfile.open(path, mode) as archive:
            for name in folders:
                folder = tarfile.TarInfo(name)
                folder.type = tarfile.DIRTYPE
                archive.addfile(folder)
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path

    return write


@pytest.fixture(scope="session")
def cifar_pixels() -> NDArray[np.uint8]:
    """Ten thousand images (N, 32, 32, 3), all different."""
    pixels = np.zeros((10_000, 32, 32, 3), np.uint8)
    numbers = np.arange(10_000)
    pixels[:, 0, 1, 0], pixels[:, 2, 0, 1], pixels[:, 31, 31, 2] = numbers % 256, numbers // 256, 7
    return pixels


@pytest.fixture(scope="session")
def cifar_labels() -> list[int]:
    return [(3 * number + 1) % 10 for number in range(10_000)]


@pytest.fixture(scope="session")
def cifar_rows(cifar_pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The images as in the published files: planes of red, green, blue."""
    return cifar_pixels.transpose(0, 3, 1, 2).reshape(10_000, 3072)


@pytest.fixture(scope="session")
def binary_batch(cifar_rows: NDArray[np.uint8], cifar_labels: list[int]) -> bytes:
    return np.concatenate([np.array(cifar_labels, np.uint8)[:, None], cifar_rows], axis=1).tobytes()


@pytest.fixture(scope="session")
def python_batch(cifar_rows: NDArray[np.uint8], cifar_labels: list[int]) -> bytes:
    return pickled_batch(cifar_rows.tobytes(), cifar_labels)
