"""A scripted TensorRT of a chosen version that has what the real one has, and nothing else.

`make_module(script)` gives a module to put into `sys.modules` as `tensorrt`, or as `tensorrt_rtx` if the version is
TensorRT-RTX's (`RTX`). Its classes, methods, properties,
enumerations and signatures are those of the real binding modules (tests/data/tensorrt_api.json): anything
else raises AttributeError, wrong arguments raise TypeError. Behind them a network is read from its ONNX file,
an engine is bytes that load only with the same version on the same GPU (TensorRT-RTX: on a GPU that it was built for,
where its kernels are compiled), and an inference is a kernel on a
`FakeCudaDriver` whose results ONNX Runtime computes.
"""

from tests.fakes.tensorrt.module import make_module
from tests.fakes.tensorrt.script import RTX, VERSIONS, TensorRtScript

__all__ = ["RTX", "VERSIONS", "TensorRtScript", "make_module"]
