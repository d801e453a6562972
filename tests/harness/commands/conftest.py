"""The fixtures of the packages that the commands put together."""

from __future__ import annotations

from tests.harness.accuracy.conftest import make_images, write_classifier
from tests.harness.comparison.conftest import make_row, stop_at, write_run
from tests.harness.history.conftest import make_recorded_row, make_run, store_path
from tests.harness.machine.gpu.conftest import install_gpus, install_nvml

__all__ = [
    "install_gpus",
    "install_nvml",
    "make_images",
    "make_recorded_row",
    "make_row",
    "make_run",
    "stop_at",
    "store_path",
    "write_classifier",
    "write_run",
]
