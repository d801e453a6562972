from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.backends.tensorrt.dialect import Dialect
from harness.errors import UnsupportedError


@pytest.mark.parametrize(
    ("version", "attribute"),
    [
        ("8.5.3.1", "device_memory_size"),
        ("8.6.1", "device_memory_size"),
        ("10.0.1.6", "device_memory_size"),
        ("10.1.0.27", "device_memory_size_v2"),
        ("10.16.1.11", "device_memory_size_v2"),
        ("11.4.0.106", "device_memory_size_v2"),
    ],
)
def test_memory_is_queried_by_the_name_of_the_version(version: str, attribute: str) -> None:
    """By NVIDIA/TensorRT's python/src/infer/pyCore.cpp at its tags, `device_memory_size_v2` came with 10.1."""
    engine = SimpleNamespace(**{attribute: 3 << 20})
    assert Dialect(version).context_memory_mib(engine) == 3


@pytest.mark.parametrize(("version", "why"), [("8.4.1.5", "older than 8.5"), ("9.3.0.post12.dev1", "not supported")])
def test_versions_without_the_interface_are_refused(version: str, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        Dialect.of(SimpleNamespace(__version__=version))
