"""A scripted TensorRT of a chosen version that has what the real one has, and nothing else.

`make_module(script)` gives a module to put into `sys.modules` as `tensorrt`. Its classes, methods, properties,
enumerations and signatures are those of the real binding modules (tests/data/tensorrt_api.json): anything
else raises AttributeError, wrong arguments raise TypeError. Behind them a network is read from its ONNX file,
an engine is bytes that load only with the same version on the same GPU, and an inference is a kernel on a
`FakeCudaDriver` whose results ONNX Runtime computes.
"""

from tests.fakes.tensorrt.module import make_module
from tests.fakes.tensorrt.script import VERSIONS, TensorRtScript

__all__ = ["VERSIONS", "TensorRtScript", "make_module"]
