from __future__ import annotations

from converters import int8, pytorch
from converters import request as conversion
from harness import request
from zoo import releases


def test_the_defaults_are_the_converters_own() -> None:
    assert tuple(pytorch.EXPORTERS) == request.EXPORTERS
    assert releases.IMPLEMENTATIONS == request.IMPLEMENTATIONS
    assert request.DEFAULT_EXPORTER == conversion.DEFAULT_EXPORTER
    assert request.DEFAULT_OPSET == conversion.DEFAULT_OPSET
    assert request.PRECISIONS == conversion.PRECISIONS
    assert tuple(int8.SCHEMES) == request.INT8_SCHEMES
    assert conversion.PrecisionOptions.int8_scheme == request.INT8_SCHEMES[0]
