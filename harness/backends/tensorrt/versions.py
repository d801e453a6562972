"""Checks whether TensorRT is installed and the driver is new enough for it, without creating any of its objects."""

from __future__ import annotations

import importlib.util
import platform
import re
from pathlib import Path

from harness.backends.backend import Availability

# The file in which NVIDIA's systems for Jetson name their release.
_TEGRA_RELEASE = Path("/etc/nv_tegra_release")

_CUDA_OF_PACKAGE = re.compile(r"^tensorrt[-_]cu(\d+)(?:[-_](?:bindings|libs))?$", re.IGNORECASE)

# TensorRT 8 was a single package, built for CUDA 11; any 11.x driver runs it ("minor version compatibility",
# CUDA compatibility guide).
_CUDA_OF_TENSORRT_8 = 11
_OLDEST_CUDA_OF_TENSORRT_10 = 12


def on_jetson() -> bool:
    """Whether this is a Jetson, where TensorRT and the driver come with JetPack."""
    return _TEGRA_RELEASE.is_file() or (platform.machine() == "aarch64" and "tegra" in platform.release())


def is_installed() -> bool:
    """Whether a module `tensorrt` can be imported; does not import it."""
    return importlib.util.find_spec("tensorrt") is not None


def not_installed(cuda_version: str | None) -> Availability:
    """Availability without TensorRT; `cuda_version` is the driver's, as in `12.4`, or None if unknown."""
    return Availability(False, "tensorrt is not installed.", how_to_install(cuda_version))


def not_loadable(error: BaseException) -> Availability:
    """Availability of a tensorrt whose libraries do not load."""
    if on_jetson():
        advice = "Install JetPack's libraries: sudo apt install tensorrt"
    else:
        advice = (
            "Its libraries come in separate packages (tensorrt-cu13-libs and the like): reinstall it "
            "with `pip install --force-reinstall --no-cache-dir` and the name of the package that was installed."
        )
    return Availability(False, f"tensorrt is installed, but does not load: {error}.", advice)


def required_cuda(tensorrt_version: str) -> int | None:
    """The major CUDA version for which the installed TensorRT was built; None if that is unknown.

    Packages of the index state it (`tensorrt-cu13-bindings`); JetPack's and Debian's do not, but come
    with a matching driver.
    """
    # Not at the top: it imports a dozen modules, which a building process does without.
    import importlib.metadata

    if tensorrt_version.startswith("8.") and _from_index("tensorrt"):
        return _CUDA_OF_TENSORRT_8
    found = [
        int(match.group(1))
        for distribution in importlib.metadata.distributions()
        if (match := _CUDA_OF_PACKAGE.match(distribution.metadata["Name"] or ""))
        and distribution.version == tensorrt_version
    ]
    return max(found, default=None)


def driver_too_old(tensorrt_version: str, cuda_version: str) -> Availability | None:
    """Why the driver cannot run the installed TensorRT; None if it can, or if this is unknown."""
    needed = required_cuda(tensorrt_version)
    if needed is None or _major(cuda_version) >= needed:
        return None
    return Availability(
        False,
        f"TensorRT {tensorrt_version} is built for CUDA {needed}, but the driver supports at most CUDA {cuda_version}.",
        f"Install a newer NVIDIA driver, or a TensorRT for this one: {how_to_install(cuda_version)}",
    )


def _from_index(name: str) -> bool:
    import importlib.metadata

    try:
        return importlib.metadata.distribution(name) is not None
    except importlib.metadata.PackageNotFoundError:
        return False


def _major(cuda_version: str) -> int:
    return int(cuda_version.partition(".")[0])


def how_to_install(cuda_version: str | None) -> str:
    """How to install a TensorRT for a driver with that CUDA version, or for the newest if it is None."""
    if on_jetson():
        return (
            "On a Jetson it comes with JetPack (sudo apt install tensorrt python3-libnvinfer); create the environment "
            "with `python3 -m venv --system-site-packages` so that it is found."
        )
    size = "(this downloads gigabytes of libraries from NVIDIA)"
    if cuda_version is None:
        return f"Run: pip install tensorrt {size}"
    if _major(cuda_version) >= _OLDEST_CUDA_OF_TENSORRT_10:
        return f"Run: pip install tensorrt-cu{_major(cuda_version)} {size}"
    return "Run: pip install tensorrt==8.5.3.1 (CPython 3.6 to 3.10), or install a newer NVIDIA driver first."
