"""Fixtures of the fake GPU, for its clocks and its energy."""

from __future__ import annotations

from tests.harness.machine.gpu.conftest import (
    built_library,
    caller,
    install_gpus,
    install_nvml,
    library,
    logged,
    open_driver,
)

__all__ = ["built_library", "caller", "install_gpus", "install_nvml", "library", "logged", "open_driver"]
