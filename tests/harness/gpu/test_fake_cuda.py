"""The scripted GPU of the other tests: that it has the real one's interface, and keeps time."""

from __future__ import annotations

import inspect

from harness.gpu.driver import CudaDriver
from tests.fakes.cuda import FakeCudaDriver


def test_the_fake_has_every_public_method_of_the_real_driver_with_its_signature() -> None:
    for name, method in inspect.getmembers(CudaDriver, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(FakeCudaDriver, name)) == inspect.signature(method), name
