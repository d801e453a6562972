from __future__ import annotations

from converters import pytorch
from converters import request as conversion
from harness import request


def test_the_defaults_are_the_converters_own() -> None:
    assert tuple(pytorch.EXPORTERS) == request.EXPORTERS
    assert request.DEFAULT_EXPORTER == conversion.DEFAULT_EXPORTER
    assert request.DEFAULT_OPSET == conversion.DEFAULT_OPSET
